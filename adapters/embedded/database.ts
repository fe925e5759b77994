import type { DatabaseSync, DatabaseSyncOptions, StatementSync } from "node:sqlite";
import { MixdownError } from "../../core/errors.ts";

type Value = string | number | null;

/** A prepared statement, whose failures are `MixdownError`s. */
export interface Statement {
  get(...values: Value[]): unknown;
  all(...values: Value[]): unknown[];
  run(...values: Value[]): { readonly changes: number | bigint };
}

/** One SQLite file that several processes may have open; not an adapter, but what the adapters share. */
export interface Database {
  /** A prepared statement, prepared once. */
  prepare(sql: string): Statement;
  /** Runs `work` as one transaction, whole or not at all; writers of other processes wait their turn. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** Entry N makes version N + 1 out of version N. What was released is never edited. */
const migrations: readonly string[] = [
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
];

/** How long a writer waits for another process's write; the longest of ours takes milliseconds. */
const busyMs = 5_000;

/**
 * Opens, and on first use makes, the store at `path` (":memory:" for none that lasts).
 * @throws MixdownError `input_output_unwritable`, `platform_disk_full`, `usage_invalid` for what a newer version made
 */
export function openDatabase(path: string): Database {
  const sqlite = openSqlite(path, { timeout: busyMs });
  const guard = <T>(call: () => T): T => {
    try {
      return call();
    } catch (error) {
      throw translate(error, path);
    }
  };
  const statements = new Map<string, Statement>();
  const database: Database = {
    prepare(sql) {
      const known = statements.get(sql);
      if (known !== undefined) return known;
      const statement = guard(() => guardStatement(sqlite.prepare(sql), guard));
      statements.set(sql, statement);
      return statement;
    },
    transaction(work) {
      // IMMEDIATE: a transaction that reads first and wants to write later could not wait for another writer.
      guard(() => sqlite.exec("BEGIN IMMEDIATE"));
      try {
        const result = work();
        guard(() => sqlite.exec("COMMIT"));
        return result;
      } catch (error) {
        // Some faults (a full disk) have rolled back already.
        if (sqlite.isTransaction) sqlite.exec("ROLLBACK");
        throw error;
      }
    },
    close: () => sqlite.close(),
  };
  try {
    // FULL: what was accepted survives a power cut.
    guard(() => useWriteAheadLog(sqlite));
    guard(() => sqlite.exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"));
    migrate(database, sqlite, path);
  } catch (error) {
    sqlite.close();
    throw error;
  }
  return database;
}

/** Opens a file of SQLite. @throws MixdownError as `openDatabase` */
export function openSqlite(path: string, options: DatabaseSyncOptions): DatabaseSync {
  const { DatabaseSync: Sqlite } = loadSqlite();
  try {
    return new Sqlite(path, options);
  } catch (error) {
    throw translate(error, path);
  }
}

/** Earlier releases of Node 24 warn on stderr that node:sqlite is experimental, which is not for our users to act on. */
function loadSqlite(): typeof import("node:sqlite") {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule("node:sqlite");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Two processes that make the same file at once can meet here, and SQLite does not wait for this lock by itself. */
function useWriteAheadLog(sqlite: DatabaseSync): void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (const deadline = performance.now() + busyMs; ; ) {
    try {
      sqlite.exec("PRAGMA journal_mode = WAL");
      return;
    } catch (error) {
      if (primaryCode(error) !== codes.busy || performance.now() > deadline) throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}

function migrate(database: Database, sqlite: DatabaseSync, path: string): void {
  const readVersion = () => Number(sqlite.prepare("PRAGMA user_version").get()?.user_version);
  if (readVersion() === migrations.length) return;
  database.transaction(() => {
    // Read again: another process may have been faster.
    const version = readVersion();
    if (version > migrations.length) {
      throw new MixdownError("usage_invalid", {
        message: `The store ${path} was made by a newer version of mixdown (format ${version}, this version knows ${migrations.length}); update mixdown or give another --data folder.`,
      });
    }
    for (const migration of migrations.slice(version)) sqlite.exec(migration);
    sqlite.exec(`PRAGMA user_version = ${migrations.length}`);
  });
}

const guardStatement = (statement: StatementSync, guard: <T>(call: () => T) => T): Statement => ({
  get: (...values) => guard(() => statement.get(...values)),
  all: (...values) => guard(() => statement.all(...values)),
  run: (...values) => guard(() => statement.run(...values)),
});

/** SQLite's primary result codes (sqlite.org/rescode.html). */
const codes = { busy: 5, readOnly: 8, corrupt: 11, full: 13, cannotOpen: 14, notADatabase: 26 } as const;

export const primaryCode = (error: unknown): number => Number((error as { errcode?: unknown }).errcode) & 0xff;

function translate(error: unknown, path: string): unknown {
  const code = primaryCode(error);
  const detail = error instanceof Error ? error.message : String(error);
  if (code === codes.full) {
    return new MixdownError("platform_disk_full", {
      message: `The disk is full; ${path} was left as it was.`,
      cause: error,
    });
  }
  if (code === codes.busy) {
    const message = `The store ${path} was held by another process for ${busyMs / 1_000} s; try again.`;
    return new MixdownError("platform_internal", { message, cause: error });
  }
  if (code === codes.readOnly || code === codes.cannotOpen) {
    const message = `The store ${path} cannot be opened for writing (${detail}); choose a folder that you may write to.`;
    return new MixdownError("input_output_unwritable", { message, cause: error });
  }
  if (code === codes.corrupt || code === codes.notADatabase) {
    const message = `The store ${path} is damaged (${detail}); move it away, or give another --data folder.`;
    return new MixdownError("platform_internal", { message, retryable: false, cause: error });
  }
  return error;
}
