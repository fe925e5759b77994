import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal, type Job, type JobRef } from "../core/job.ts";
import type { JobStore } from "../core/ports.ts";

/** The job as soon as it has ended, or as it stands when the patience is over. Ends early with the request. */
export async function waitForJob(
  jobs: Pick<JobStore, "get">,
  ref: JobRef,
  options: { readonly patienceMs: number; readonly everyMs: number; readonly signal: AbortSignal },
): Promise<Job | undefined> {
  const deadline = performance.now() + options.patienceMs;
  for (;;) {
    const job = await jobs.get(ref);
    if (job === undefined || isTerminal(job.status) || performance.now() >= deadline || options.signal.aborted)
      return job;
    await sleep(options.everyMs, undefined, { signal: options.signal }).catch(() => {});
  }
}
