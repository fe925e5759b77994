import { openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteDeadLetterStore } from "../../adapters/embedded/dead-letter-store.ts";
import { createSqliteJobQueue } from "../../adapters/embedded/job-queue.ts";
import { createSqliteJobStore } from "../../adapters/embedded/job-store.ts";
import { createSqliteResultCache } from "../../adapters/embedded/result-cache.ts";
import { limits } from "../../core/limits.ts";
import type { Clock, DeadLetterStore, JobQueue, JobStore, ResultCache } from "../../core/ports.ts";

/** The stores of a platform whose processes come and go; they outlive those, as disks do. */
export interface MemoryStores {
  readonly jobs: JobStore;
  readonly queue: JobQueue;
  readonly cache: ResultCache;
  readonly deadLetters: DeadLetterStore;
  /** Forgets the feed that nobody here reads, and deduplication ids past their time: both only grow. */
  trim(): void;
  close(): void;
}

/** The embedded adapters on a database in memory. */
export function openMemoryStores(clock: Clock, { visibilityTimeoutMs }: { visibilityTimeoutMs: number }): MemoryStores {
  const database = openDatabase(":memory:");
  return {
    jobs: createSqliteJobStore(database, clock),
    queue: createSqliteJobQueue(database, clock, { visibilityTimeoutMs, maxReceiveCount: limits.maxReceiveCount }),
    cache: createSqliteResultCache(database),
    deadLetters: createSqliteDeadLetterStore(database, clock),
    trim: () => {
      database.prepare("DELETE FROM events").run();
      database.prepare("DELETE FROM deduplication WHERE expires_at <= ?").run(clock.now());
    },
    close: () => database.close(),
  };
}
