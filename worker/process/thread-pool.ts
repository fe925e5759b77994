import { Worker } from "node:worker_threads";
import { MixdownError } from "../../core/errors.ts";

/** Threads that work on tasks, each on one at a time. */
export interface ThreadPool {
  readonly size: number;
  /** Rejects as the task does, with the thread's failure, or with the abort's reason. */
  run<Result>(task: unknown): Promise<Result>;
  /** Ends the threads, whatever they are at. */
  close(): Promise<void>;
}

/** What a thread answers. */
export type TaskAnswer = { readonly result: unknown } | { readonly error: unknown; readonly code?: string };

interface Waiting {
  readonly task: unknown;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** @param entry module that answers each message with a `TaskAnswer` */
export function createThreadPool(entry: URL, size: number, signal: AbortSignal): ThreadPool {
  const queue: Waiting[] = [];
  const idle: Worker[] = [];
  const busy = new Map<Worker, Waiting>();
  let failure: { readonly reason: unknown } | null = null;

  const fail = (reason: unknown): void => {
    failure ??= { reason };
    for (const waiting of [...busy.values(), ...queue.splice(0)]) waiting.reject(failure.reason);
    busy.clear();
    for (const worker of workers) void worker.terminate();
  };
  const feed = (worker: Worker): void => {
    const next = queue.shift();
    if (next === undefined) {
      idle.push(worker);
      return;
    }
    busy.set(worker, next);
    worker.postMessage(next.task);
  };
  const start = (): Worker => {
    const worker = new Worker(entry);
    worker.on("message", (answer: TaskAnswer) => {
      const waiting = busy.get(worker);
      busy.delete(worker);
      if ("result" in answer) waiting?.resolve(answer.result);
      else waiting?.reject(reviveError(answer));
      if (failure === null) feed(worker);
    });
    worker.on("error", fail);
    worker.on("exit", (code) => {
      if (failure === null) fail(new Error(`a thread ended with ${code} in the middle of its work`));
    });
    return worker;
  };
  const workers = Array.from({ length: size }, start);
  idle.push(...workers);
  const abort = () => fail(signal.reason);
  signal.addEventListener("abort", abort, { once: true });

  return {
    size,
    run<Result>(task: unknown): Promise<Result> {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      // Several are under way; the first that is awaited tells.
      promise.catch(() => {});
      if (failure !== null) reject(failure.reason);
      else {
        queue.push({ task, resolve, reject });
        const worker = idle.shift();
        if (worker !== undefined) feed(worker);
      }
      return promise as Promise<Result>;
    },
    async close() {
      signal.removeEventListener("abort", abort);
      fail(new Error("the threads were ended"));
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** Classes do not pass between threads: an error of the table is made anew. */
function reviveError({ error, code }: { readonly error: unknown; readonly code?: string }): unknown {
  if (code === undefined || !(error instanceof Error)) return error;
  return new MixdownError(code as MixdownError["code"], { message: error.message, cause: error });
}

/**
 * Gives tasks out as they come and takes their results in their order; so many are under way that no thread waits, and
 * no more: results do not pile up.
 */
export async function runInOrder<Result, Task = unknown>(
  pool: ThreadPool,
  tasks: AsyncIterable<Task>,
  take: (result: Result, task: Task) => void | Promise<void>,
): Promise<void> {
  const running: { readonly task: Task; readonly result: Promise<Result> }[] = [];
  const takeFirst = async (): Promise<void> => {
    const first = running.shift();
    if (first !== undefined) await take(await first.result, first.task);
  };
  for await (const task of tasks) {
    running.push({ task, result: pool.run<Result>(task) });
    if (running.length >= 2 * pool.size) await takeFirst();
  }
  while (running.length > 0) await takeFirst();
}
