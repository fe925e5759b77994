import type { DatabaseSync, DatabaseSyncOptions, StatementSync } from "node:sqlite";
import { MixdownError } from "../../core/errors.ts";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";
import { migrations } from "./migrations.ts";

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
  /** As `transaction`, soon, and together with what others ask for meanwhile; resolves once it is committed. */
  commit: GroupCommit["commit"];
  close(): void;
}

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
  const group = createGroupCommit({
    exec: (sql) => guard(() => sqlite.exec(sql)),
    get isTransaction() {
      return sqlite.isTransaction;
    },
  });
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
    commit: group.commit,
    close() {
      group.flush();
      sqlite.close();
    },
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
