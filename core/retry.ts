import { jobNotFound } from "./cancel.ts";
import { changeJob } from "./change-job.ts";
import { MixdownError } from "./errors.ts";
import type { Job, JobRef } from "./job.ts";
import { limits } from "./limits.ts";
import { isoTime, type Platform } from "./platform.ts";
import { backToQueue } from "./settle.ts";
import { sendWake } from "./wake.ts";

/**
 * Starts a job again that failed, was canceled, or whose outputs have expired: the one way out of a terminal state.
 * @throws MixdownError `usage_job_not_found`, `usage_not_retryable`
 */
export async function retry(
  platform: Pick<Platform, "jobs" | "queue" | "clock" | "settings">,
  ref: JobRef,
): Promise<Job> {
  const now = platform.clock.now();
  const retried = await changeJob(platform, ref, (job) => (mayRetry(job, now) ? buildRetry(job, now) : null));
  if (retried !== null) {
    await sendWake(platform, retried);
    return retried;
  }
  const standing = await platform.jobs.get(ref);
  if (standing === undefined) throw jobNotFound(ref.jobId);
  throw new MixdownError("usage_not_retryable", {
    message: `Job ${ref.jobId} is ${standing.status}; only a failed or canceled job, or one whose outputs have expired, can be retried.`,
  });
}

function mayRetry(job: Job, now: number): boolean {
  if (job.status === "failed" || job.status === "canceled") return true;
  return job.status === "succeeded" && job.expiresAt !== null && Date.parse(job.expiresAt) <= now;
}

const buildRetry = (job: Job, now: number): Partial<Job> => ({
  ...backToQueue(job),
  maxAttempts: job.attempt + limits.maxAttempts,
  handBacks: 0,
  cancelRequestedAt: null,
  outputs: [],
  report: null,
  warnings: [],
  cached: false,
  cacheKey: null,
  error: null,
  engine: null,
  queuedAt: isoTime(now),
  finishedAt: null,
  expiresAt: null,
});
