import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { MixdownError } from "../../core/errors.ts";
import { openSqlite, primaryCode } from "./database.ts";

export interface InstanceLock {
  release(): void;
}

/** A command that just asks whether a platform runs holds the file for microseconds; that is not a platform. */
const patienceMs = 250;
const sqliteBusy = 5;

/** A handle that nobody refers to is collected, closed, and with it the lock is gone: we refer to it. */
const held = new Set<DatabaseSync>();

/**
 * One platform per data folder. The lock is SQLite's own on a file that is used for nothing else: the operating system
 * takes it back whatever way its holder dies, no pid has to be trusted (they are used again, above all in containers),
 * no socket's path can be too long, and it is the same on Linux, macOS and Windows.
 *
 * @throws MixdownError `usage_store_locked`
 */
export function acquireInstanceLock(dataDir: string): InstanceLock {
  mkdirSync(dataDir, { recursive: true });
  const file = tryLock(lockPath(dataDir), "BEGIN EXCLUSIVE");
  if (file === null) {
    throw new MixdownError("usage_store_locked", {
      message: `Another platform${readHolder(dataDir)} already works in ${dataDir}; stop it, or give another folder with --data.`,
    });
  }
  held.add(file);
  writeFileSync(pidPath(dataDir), String(process.pid));
  return {
    release() {
      if (!held.delete(file)) return;
      rmSync(pidPath(dataDir), { force: true });
      file.close();
    },
  };
}

/** Whether a platform works on the folder now. Makes nothing, and does not stand in the way of one that starts. */
export function isInstanceLocked(dataDir: string): boolean {
  if (!existsSync(lockPath(dataDir))) return false;
  const file = tryLock(lockPath(dataDir), "BEGIN; SELECT * FROM sqlite_schema", 0);
  file?.close();
  return file === null;
}

function tryLock(path: string, sql: string, timeout = patienceMs): DatabaseSync | null {
  const file = openSqlite(path, { timeout });
  try {
    file.exec(sql);
    return file;
  } catch (error) {
    file.close();
    if (primaryCode(error) === sqliteBusy) return null;
    throw error;
  }
}

/** For the message alone. */
function readHolder(dataDir: string): string {
  try {
    return ` (process ${readFileSync(pidPath(dataDir), "utf8")})`;
  } catch {
    return "";
  }
}

const lockPath = (dataDir: string): string => join(dataDir, "platform.lock");
const pidPath = (dataDir: string): string => join(dataDir, "platform.pid");
