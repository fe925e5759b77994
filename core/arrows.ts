import { isTerminal, type Job, type JobStatus } from "./job.ts";

/** The only arrows between states. Terminal states are left by an explicit retry alone, which raises the attempt. */
const arrows: Record<JobStatus, readonly JobStatus[]> = {
  queued: ["queued", "running", "succeeded", "failed", "canceled"],
  running: ["running", "queued", "succeeded", "failed", "canceled"],
  succeeded: ["queued"],
  failed: ["queued"],
  canceled: ["queued"],
};

/**
 * Whether a store may write `after` in place of `before`. Every adapter asks this beside its own condition on the
 * version, so that a caller with a mistake is refused by the store and not by hope.
 *
 * @returns the reason of the refusal, or `null`
 */
export function findIllegalChange(before: Job, after: Job): string | null {
  const change = `${before.status}/${before.phase} -> ${after.status}/${after.phase}`;
  if (before.owner !== after.owner || before.jobId !== after.jobId) return "a job cannot change its identity";
  if (after.version !== before.version + 1) return `version must go from ${before.version} to ${before.version + 1}`;
  if (before.createdAt !== after.createdAt || before.payloadHash !== after.payloadHash) return "origin is immutable";
  if (!arrows[before.status].includes(after.status)) return `${change} is no arrow`;
  if (after.attempt < before.attempt) return "attempt cannot go down";
  if (isTerminal(before.status) && after.attempt === before.attempt) return `${change} without a new attempt`;
  if (before.status === "running" && after.status === "queued" && after.attempt === before.attempt) {
    return `${change} without a new attempt`;
  }
  if (before.status === "queued" && after.status === "running" && after.attempt !== before.attempt) {
    return "a claim takes the attempt that is queued";
  }
  // The cache serves a queued job without a run; everything else that succeeds was claimed.
  if (before.status === "queued" && after.status === "succeeded" && !after.cached) return `${change} without a run`;
  if (before.status === "running" && after.status === "running" && before.runId !== after.runId) {
    return "a run cannot take over another's claim";
  }
  return findBrokenShape(after);
}

/** Whether one document is consistent in itself. */
export function findBrokenShape(job: Job): string | null {
  const early = job.phase === "waiting" || job.phase === "launching";
  if (job.status === "queued" && !early) return `a queued job is waiting or launching, not ${job.phase}`;
  if (job.status === "running" && early) return `a running job is not ${job.phase}`;
  if ((job.status === "running") !== (job.runId !== null)) return "runId stands exactly while a run holds the job";
  if (job.status !== "queued" && job.waitsFor !== null) return "only a queued job waits";
  if (isTerminal(job.status) !== (job.finishedAt !== null)) return "finishedAt stands exactly in a terminal state";
  if ((job.status === "failed") !== (job.error !== null)) return "error stands exactly in a failed job";
  if (job.status !== "succeeded" && job.outputs.length > 0) return "outputs become visible with success";
  return null;
}
