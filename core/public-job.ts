import { type Job, jobSchema } from "./job.ts";

/** The job as callers see it: all but what only the platform's own bookkeeping needs. */
export const publicJobSchema = jobSchema.omit({ payloadHash: true, launchNumber: true, taskId: true });
export type PublicJob = Omit<Job, "payloadHash" | "launchNumber" | "taskId">;

export function toPublicJob(job: Job): PublicJob {
  const { payloadHash, launchNumber, taskId, ...shown } = job;
  return shown;
}
