import { createHash } from "node:crypto";
import { z } from "zod";
import type { Job } from "./job.ts";
import type { RunPulse } from "./ports.ts";

/** Past tense, versioned. `job.progress.v1` is sent only where a flag asks for it. */
export const eventTypes = [
  "job.queued.v1",
  "job.started.v1",
  "job.succeeded.v1",
  "job.failed.v1",
  "job.canceled.v1",
  "job.progress.v1",
  "message.rejected.v1",
] as const;

export const domainEventSchema = z.object({
  id: z.string(),
  type: z.enum(eventTypes),
  time: z.iso.datetime(),
  owner: z.string(),
  subject: z.string(),
  version: z.number().int(),
  data: z.record(z.string(), z.unknown()),
});
/** Envelope of everything that is told to others. `id` is the same each time an event is sent again. */
export type DomainEvent = z.infer<typeof domainEventSchema>;

/** The event that a write of a job means, or none. Pure: a repeated write gives the same event with the same id. */
export function buildJobEvent(before: Job | undefined, after: Job): DomainEvent | undefined {
  const type = typeOfChange(before, after);
  if (type === undefined) return undefined;
  return {
    id: `evt_${createHash("sha256").update(`${after.owner}/${after.jobId}/${after.version}/${type}`).digest("hex").slice(0, 32)}`,
    type,
    time: after.updatedAt,
    owner: after.owner,
    subject: after.jobId,
    version: after.version,
    data: {
      jobId: after.jobId,
      kind: after.kind,
      status: after.status,
      attempt: after.attempt,
      cached: after.cached,
      outputs: after.outputs,
      error: after.error,
      metadata: after.metadata,
    },
  };
}

/** How far a run is, told at each tenth: the same step of a run is the same event. */
export function buildProgressEvent(job: Job, pulse: RunPulse): DomainEvent {
  const { owner, jobId, kind, attempt, metadata, version } = job;
  const step = Math.floor(pulse.progress.percent / 10);
  return {
    id: `evt_${createHash("sha256").update(`${owner}/${jobId}/${pulse.runId}/${step}`).digest("hex").slice(0, 32)}`,
    type: "job.progress.v1",
    time: new Date(pulse.at).toISOString(),
    owner,
    subject: jobId,
    version,
    data: { jobId, kind, status: "running", attempt, phase: pulse.phase, percent: pulse.progress.percent, metadata },
  };
}

function typeOfChange(before: Job | undefined, after: Job): DomainEvent["type"] | undefined {
  if (before !== undefined && before.status === after.status && before.attempt === after.attempt) return undefined;
  if (after.status === "running") return "job.started.v1";
  return `job.${after.status}.v1`;
}
