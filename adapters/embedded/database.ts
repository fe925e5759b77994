import { DatabaseSync, type StatementSync } from "node:sqlite";

/** One SQLite file that several processes may have open; not an adapter, but what the adapters share. */
export interface Database {
  /** A prepared statement, prepared once. */
  prepare(sql: string): StatementSync;
  /** Runs `work` as one transaction, whole or not at all; writers of other processes wait their turn. */
  transaction<T>(work: () => T): T;
  close(): void;
}

const schema = `
  CREATE TABLE jobs (
    owner TEXT NOT NULL, job_id TEXT NOT NULL, version INTEGER NOT NULL, status TEXT NOT NULL, kind TEXT NOT NULL,
    created_at TEXT NOT NULL, active INTEGER NOT NULL, waits_for TEXT, document TEXT NOT NULL,
    PRIMARY KEY (owner, job_id)
  ) STRICT;
  CREATE INDEX jobs_newest ON jobs (owner, created_at DESC, job_id DESC);
  CREATE INDEX jobs_active ON jobs (created_at) WHERE active = 1;
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
  ) STRICT;
  PRAGMA user_version = 1;
`;

/** Opens, and on first use makes, the store at `path` (":memory:" for none that lasts). */
export function openDatabase(path: string): Database {
  const sqlite = new DatabaseSync(path);
  // FULL: what was accepted survives a power cut. The CLI's submit may wait for the platform's write, and back.
  sqlite.exec("PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  const statements = new Map<string, StatementSync>();
  const database: Database = {
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = sqlite.prepare(sql);
      statements.set(sql, statement);
      return statement;
    },
    transaction(work) {
      sqlite.exec("BEGIN IMMEDIATE");
      try {
        const result = work();
        sqlite.exec("COMMIT");
        return result;
      } catch (error) {
        if (sqlite.isTransaction) sqlite.exec("ROLLBACK");
        throw error;
      }
    },
    close: () => sqlite.close(),
  };
  database.transaction(() => {
    const { user_version: version } = sqlite.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version === 0) sqlite.exec(schema);
  });
  return database;
}
