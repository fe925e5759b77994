import { availableParallelism } from "node:os";
import { createThreadPool, type ThreadPool } from "./process/thread-pool.ts";

/** One thread for each core that we may use; ends with `signal`. */
export const startThreads = (signal: AbortSignal): ThreadPool =>
  createThreadPool(new URL("../worker/thread.ts", import.meta.url), availableParallelism(), signal);
