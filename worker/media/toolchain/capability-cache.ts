import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Raised when the shape of an answer changes. */
const format = 1;

interface Entry {
  readonly mtimeMs: number;
  readonly size: number;
  readonly answer: unknown;
}

/** Answers of binaries about themselves, kept by path, mtime and size: asking costs 50 ms a process. */
export interface CapabilityCache {
  /** Undefined when nothing is kept or the file has changed since. */
  get(path: string): unknown;
  set(path: string, answer: unknown): void;
}

/** A cache that cannot be read or written is only slower, never an error. */
export function openCapabilityCache(cacheDir: string): CapabilityCache {
  const file = join(cacheDir, "tools.json");
  const entries = readEntries(file);
  return {
    get: (path) => {
      const entry = entries[path];
      const now = stamp(path);
      return entry !== undefined && entry.mtimeMs === now?.mtimeMs && entry.size === now.size
        ? entry.answer
        : undefined;
    },
    set: (path, answer) => {
      const now = stamp(path);
      if (now === null) return;
      entries[path] = { ...now, answer };
      writeEntries(cacheDir, file, entries);
    },
  };
}

function stamp(path: string): { mtimeMs: number; size: number } | null {
  try {
    const { mtimeMs, size } = statSync(path);
    return { mtimeMs, size };
  } catch {
    return null;
  }
}

function readEntries(file: string): Record<string, Entry> {
  try {
    const parsed = JSON.parse(readFileSync(file, "utf8")) as { format?: unknown; entries?: Record<string, Entry> };
    return parsed.format === format && typeof parsed.entries === "object" ? { ...parsed.entries } : {};
  } catch {
    return {};
  }
}

function writeEntries(cacheDir: string, file: string, entries: Record<string, Entry>): void {
  try {
    mkdirSync(cacheDir, { recursive: true });
    // Beside it, then renamed: a reader at the same instant sees the old or the new.
    const fresh = `${file}.${process.pid}`;
    writeFileSync(fresh, JSON.stringify({ format, entries }));
    renameSync(fresh, file);
  } catch {
    // Read-only home, full disk: asked again next time.
  }
}
