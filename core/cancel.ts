import { changeJob } from "./change-job.ts";
import { MixdownError } from "./errors.ts";
import { isTerminal, type Job, type JobRef } from "./job.ts";
import { isoTime, type Platform } from "./platform.ts";
import { afterEnd, buildCancellation } from "./settle.ts";

/**
 * Cancels a job: at once while it is queued; a running one is asked to stop, and ends as canceled within its grace.
 * @throws MixdownError `usage_job_not_found`, `usage_not_cancelable`
 */
export async function cancel(platform: Platform, ref: JobRef): Promise<Job> {
  const now = platform.clock.now();
  const changed = await changeJob(platform, ref, (job) => {
    if (isTerminal(job.status)) return null;
    const asked = { cancelRequestedAt: job.cancelRequestedAt ?? isoTime(now) };
    return job.status === "queued" ? { ...asked, ...buildCancellation(now) } : asked;
  });
  if (changed === null) {
    const standing = await platform.jobs.get(ref);
    if (standing === undefined) throw jobNotFound(ref.jobId);
    if (standing.status === "canceled") return standing;
    throw new MixdownError("usage_not_cancelable", {
      message: `Job ${ref.jobId} has already ended as ${standing.status}; only a queued or running job can be canceled.`,
    });
  }
  if (isTerminal(changed.status)) await afterEnd(platform, changed);
  if (changed.taskId !== null) await platform.launcher.stop(changed.taskId);
  return changed;
}

export const jobNotFound = (jobId: string): MixdownError =>
  new MixdownError("usage_job_not_found", {
    message: `Job ${jobId} does not exist; \`mixdown jobs\` lists what does.`,
  });
