import { MixdownApiError } from "./api-error.ts";

/** Rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** Full jitter between half and the whole of a doubling wait, so that many callers do not come back as one. */
export const backoffMs = (attempt: number, firstMs = 500, ceilingMs = 8_000): number =>
  Math.min(ceilingMs, firstMs * 2 ** attempt) * (0.5 + Math.random() / 2);

/** Tries again what is said to be worth it, as long as `Retry-After` says or with growing waits. */
export async function retrying<T>(
  attempt: () => Promise<T>,
  options: { readonly retries: number; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  for (let failed = 0; ; failed += 1) {
    try {
      return await attempt();
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!isTemporary(error) || failed >= options.retries) throw error;
      await sleep(askedMs(error) ?? backoffMs(failed), options.signal);
    }
  }
}

export const isTemporary = (error: unknown): error is MixdownApiError =>
  error instanceof MixdownApiError && (error.status === 429 || error.retryable);

/** How long the server wants us to stay away, milliseconds. */
export const askedMs = (error: unknown): number | undefined =>
  error instanceof MixdownApiError && error.retryAfterSeconds !== undefined
    ? error.retryAfterSeconds * 1_000
    : undefined;
