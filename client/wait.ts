import { anySignal } from "./any-signal.ts";
import { MixdownApiError } from "./api-error.ts";
import type { Transport } from "./transport.ts";
import type { PublicJob } from "./types.ts";
import { type WatchOptions, watchJob } from "./watch.ts";

export interface WaitOptions extends WatchOptions {
  /** Longest wait, milliseconds; the job itself goes on. @default none */
  readonly timeoutMs?: number | undefined;
  /** Told each state on the way, the last one included. */
  readonly onProgress?: ((job: PublicJob) => void) | undefined;
}

/**
 * The job once it has ended, whichever way: look at `status`.
 * @throws MixdownApiError `limit_timeout`, and as `watchJob`
 */
export async function waitForEnd(transport: Transport, jobId: string, options: WaitOptions = {}): Promise<PublicJob> {
  const { timeoutMs, signal, onProgress } = options;
  const own = new AbortController();
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => own.abort(tooLong(jobId, timeoutMs)), timeoutMs);
  try {
    const both = anySignal(signal, own.signal);
    let last: PublicJob | undefined;
    for await (const job of watchJob(transport, jobId, { ...options, signal: both })) {
      last = job;
      onProgress?.(job);
    }
    if (last === undefined) throw new Error("a watch ended without a state");
    return last;
  } finally {
    clearTimeout(timer);
    own.abort();
  }
}

const tooLong = (jobId: string, timeoutMs: number): MixdownApiError =>
  new MixdownApiError({
    code: "limit_timeout",
    title: "Time limit reached",
    detail: `Job ${jobId} has not ended within ${timeoutMs} ms; it goes on.`,
    status: 0,
    retryable: true,
    hint: "Wait again, or cancel the job.",
  });
