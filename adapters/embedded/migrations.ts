/** Entry N makes version N + 1 out of version N. What was released is never edited. */
export const migrations: readonly string[] = [
  `CREATE TABLE jobs (
    owner TEXT NOT NULL, job_id TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL, kind TEXT NOT NULL,
    created_at TEXT NOT NULL, active INTEGER NOT NULL, waits_for TEXT, document TEXT NOT NULL,
    PRIMARY KEY (owner, job_id)
  ) STRICT;
  CREATE INDEX jobs_newest ON jobs (owner, created_at DESC, job_id DESC);
  CREATE INDEX jobs_active ON jobs (active) WHERE active = 1;
  CREATE INDEX jobs_waiting ON jobs (owner, waits_for, created_at) WHERE waits_for IS NOT NULL;
  CREATE TABLE idempotency_keys (
    owner TEXT NOT NULL, key TEXT NOT NULL, job_id TEXT NOT NULL, expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
  ) STRICT;
  CREATE TABLE pulses (
    owner TEXT NOT NULL, job_id TEXT NOT NULL, run_id TEXT NOT NULL, phase TEXT NOT NULL,
    percent REAL NOT NULL, eta_seconds REAL, at INTEGER NOT NULL,
    PRIMARY KEY (owner, job_id)
  ) STRICT;
  CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, event TEXT NOT NULL
  ) STRICT;
  CREATE TABLE messages (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, group_id TEXT NOT NULL, body TEXT NOT NULL,
    visible_at INTEGER NOT NULL, receive_count INTEGER NOT NULL DEFAULT 0, receipt TEXT, dead_reason TEXT
  ) STRICT;
  CREATE INDEX messages_group ON messages (group_id, position);
  CREATE INDEX messages_receipt ON messages (receipt) WHERE receipt IS NOT NULL;
  CREATE TABLE deduplication (id TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT;
  CREATE TABLE cache (
    key TEXT PRIMARY KEY, holder TEXT NOT NULL, lease_until INTEGER NOT NULL, manifest TEXT
  ) STRICT;
  CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY, body TEXT NOT NULL, reason TEXT NOT NULL, at TEXT NOT NULL, expires_at TEXT NOT NULL
  ) STRICT;`,
  `CREATE TABLE api_keys (key_id TEXT PRIMARY KEY, owner TEXT NOT NULL, record TEXT NOT NULL) STRICT;
  CREATE INDEX api_keys_owner ON api_keys (owner);`,
  `CREATE TABLE webhook_endpoints (
    owner TEXT NOT NULL, endpoint_id TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (owner, endpoint_id)
  ) STRICT;
  CREATE TABLE deliveries (
    owner TEXT NOT NULL, delivery_id TEXT NOT NULL, endpoint_id TEXT NOT NULL, created_at TEXT NOT NULL,
    status TEXT NOT NULL, next_attempt_at TEXT, version INTEGER NOT NULL, document TEXT NOT NULL,
    PRIMARY KEY (owner, delivery_id)
  ) STRICT;
  CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE status = 'pending';
  CREATE INDEX deliveries_newest ON deliveries (owner, endpoint_id, created_at DESC);
  CREATE TABLE feed_positions (reader TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT;`,
  `CREATE INDEX messages_dead ON messages (position) WHERE dead_reason IS NOT NULL;
  CREATE INDEX messages_tried ON messages (receive_count) WHERE receive_count > 0 AND dead_reason IS NULL;`,
  // 90 days in milliseconds, as core/limits.ts had it when this was written.
  `ALTER TABLE jobs ADD COLUMN due_at INTEGER;
  ALTER TABLE jobs ADD COLUMN forget_at INTEGER;
  UPDATE jobs SET due_at = 0 WHERE active = 1;
  UPDATE jobs SET forget_at = 7776000000 + 1000 * unixepoch(coalesce(document ->> '$.expiresAt', document ->> '$.finishedAt'))
    WHERE active = 0;
  CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL;
  CREATE INDEX jobs_forget ON jobs (forget_at) WHERE forget_at IS NOT NULL;`,
  `CREATE INDEX deduplication_end ON deduplication (expires_at);
  CREATE INDEX idempotency_keys_end ON idempotency_keys (expires_at);
  CREATE INDEX dead_letters_end ON dead_letters (expires_at);
  CREATE INDEX cache_end ON cache (lease_until);
  CREATE INDEX deliveries_oldest ON deliveries (created_at) WHERE status <> 'pending';`,
];
