import { type Job, jobSchema, type WaitsFor } from "./job.ts";

/** The job as callers see it: all but what only the platform's own bookkeeping needs. */
export const publicJobSchema = jobSchema.omit({ payloadHash: true, launchNumber: true, taskId: true });
export type PublicJob = Omit<Job, "payloadHash" | "launchNumber" | "taskId">;

export function toPublicJob(job: Job): PublicJob {
  const { payloadHash, launchNumber, taskId, ...shown } = job;
  return { ...shown, waitsFor: explainWait(job) };
}

/** "Why is my job waiting?" has an answer for as long as it does. */
function explainWait(job: Job): WaitsFor | null {
  if (job.status !== "queued" || job.waitsFor !== null) return job.waitsFor;
  if (job.phase === "launching") {
    return { reason: "worker", since: job.launchedAt ?? job.updatedAt, next: "its worker is starting" };
  }
  return { reason: "worker", since: job.queuedAt, next: "starts when its turn comes and a worker is free" };
}
