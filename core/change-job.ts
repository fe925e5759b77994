import type { Job, JobRef } from "./job.ts";
import { costAfter } from "./job-cost.ts";
import { isoTime, type Platform } from "./platform.ts";

/** More racing writers than this on one job are a fault; each round lost means that another's write went through. */
const maxRounds = 50;

/**
 * Reads a job, lets `decide` say what changes, and writes it on the condition that nobody wrote in between; else
 * reads and decides again. The one way by which use cases change a job.
 *
 * @param decide returns the changed fields, or `null` to leave the job as it is
 * @returns the job as written, or `null` when it does not exist or `decide` declined
 */
export async function changeJob(
  platform: Pick<Platform, "jobs" | "clock">,
  ref: JobRef,
  decide: (job: Job) => Partial<Job> | null,
): Promise<Job | null> {
  for (let round = 0; round < maxRounds; round++) {
    const before = await platform.jobs.get(ref);
    if (before === undefined) return null;
    const patch = decide(before);
    if (patch === null) return null;
    const now = platform.clock.now();
    const changed = { ...before, ...patch, version: before.version + 1, updatedAt: isoTime(now) };
    // Here, since every end of an attempt comes through here, whoever finds it.
    const after = { ...changed, cost: costAfter(before, changed, now) };
    if (await platform.jobs.update(before, after)) return after;
  }
  throw new Error(`job ${ref.jobId} was written by others ${maxRounds} times in a row`);
}
