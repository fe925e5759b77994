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
  platform: Pick<Platform, "jobs" | "queue" | "objects" | "clock" | "settings">,
  ref: JobRef,
): Promise<Job> {
  const now = platform.clock.now();
  const standing = await platform.jobs.get(ref);
  if (standing === undefined) throw jobNotFound(ref.jobId);
  const allowed = await mayRetry(platform, standing);
  const retried = allowed
    ? await changeJob(platform, ref, (job) => (job.version === standing.version ? buildRetry(job, now) : null))
    : null;
  if (retried !== null) {
    await sendWake(platform, retried);
    return retried;
  }
  throw new MixdownError("usage_not_retryable", {
    message: `Job ${ref.jobId} is ${standing.status}; only a failed or canceled job, or one whose outputs are gone, can be retried.`,
  });
}

async function mayRetry(platform: Pick<Platform, "objects" | "clock">, job: Job): Promise<boolean> {
  if (job.status === "failed" || job.status === "canceled") return true;
  if (job.status !== "succeeded") return false;
  if (job.expiresAt !== null && Date.parse(job.expiresAt) <= platform.clock.now()) return true;
  for (const output of job.outputs) if ((await platform.objects.head(output.key)) === undefined) return true;
  return false;
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
