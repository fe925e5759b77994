/** Aborts with the first of the signals. `AbortSignal.any` is missing in edge runtimes and browsers of 2023. */
export function anySignal(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  const own = new AbortController();
  for (const signal of signals) {
    if (signal === undefined) continue;
    if (signal.aborted) own.abort(signal.reason);
    else signal.addEventListener("abort", () => own.abort(signal.reason), { once: true, signal: own.signal });
  }
  return own.signal;
}
