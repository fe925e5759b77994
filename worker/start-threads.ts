import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createThreadPool, type ThreadPool } from "./process/thread-pool.ts";

const entry = new URL("../worker/thread.ts", import.meta.url);

/** Whether the threads' module was packed with us. */
export const hasThreads = (): boolean => existsSync(entry);

/** One thread for each core that we may use, or fewer; they end with `signal`. */
export const startThreads = (signal: AbortSignal, size = availableParallelism()): ThreadPool =>
  createThreadPool(entry, size, signal);
