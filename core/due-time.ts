import { isTerminal, type Job } from "./job.ts";
import { limits } from "./limits.ts";

/**
 * When the reconciler has to look at a job, milliseconds since the epoch: an earlier look finds nothing to do. A
 * function of the document alone, so that a store can write it beside the job and index it. A running job's pulse may
 * put its time off further; that is found out when it is looked at.
 *
 * @returns `null` for a job that has ended
 */
export function dueTimeOf(job: Job): number | null {
  if (isTerminal(job.status)) return null;
  if (job.cancelRequestedAt !== null) return Date.parse(job.cancelRequestedAt);
  if (job.status === "running") return Date.parse(job.startedAt ?? job.updatedAt) + limits.heartbeatLostMs;
  if (job.phase === "launching") return Date.parse(job.launchedAt ?? job.updatedAt) + limits.launchDeadlineMs[job.lane];
  // Only the leader's document tells whether it still is at work.
  if (job.waitsFor?.jobId !== undefined) return Date.parse(job.updatedAt);
  const resendAt = job.nextLaunchAt === null ? patienceEnd(job) : Date.parse(job.nextLaunchAt);
  return Math.min(resendAt, Date.parse(job.queuedAt) + limits.queuedMs);
}

/** A message may just stand in a long queue: ask again, but ever more seldom. */
const patienceEnd = (job: Job): number => Date.parse(job.updatedAt) + limits.resendAfterMs * (1 + job.launchNumber);

/**
 * When a store may forget a job, milliseconds since the epoch: its outputs' end, or its own where it has none, and the
 * time in which a caller can still read what happened. `null` while it has not ended.
 */
export function forgetTimeOf(job: Job): number | null {
  if (!isTerminal(job.status)) return null;
  return Date.parse(job.expiresAt ?? job.finishedAt ?? job.updatedAt) + limits.itemAfterExpiryMs;
}
