import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MixdownError } from "../../core/errors.ts";

/**
 * One platform per data folder. The lock is SQLite's own on a file that is used for nothing else: the operating system
 * takes it back whatever way its holder dies, and no pid has to be trusted.
 *
 * @throws MixdownError `usage_store_locked`
 */
export function acquireInstanceLock(dataDir: string): { release(): void } {
  const lock = tryLock(dataDir);
  if (lock !== null) return { release: () => lock.close() };
  throw new MixdownError("usage_store_locked", {
    message: `Another platform already works in ${dataDir}; stop it, or give another folder with --data.`,
  });
}

/** Whether a platform works on the folder now. */
export function isInstanceLocked(dataDir: string): boolean {
  const lock = tryLock(dataDir);
  lock?.close();
  return lock === null;
}

function tryLock(dataDir: string): DatabaseSync | null {
  mkdirSync(dataDir, { recursive: true });
  const file = new DatabaseSync(join(dataDir, "platform.lock"));
  try {
    file.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return file;
  } catch (error) {
    file.close();
    if (/locked|busy/i.test(String(error))) return null;
    throw error;
  }
}
