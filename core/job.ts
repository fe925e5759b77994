import { z } from "zod";
import { type ErrorCode, errorTable } from "./errors.ts";
import { type KindName, kindNames } from "./kinds/index.ts";
import { limits } from "./limits.ts";
import { reportSchema, warningSchema } from "./report.ts";

export const jobIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,128}$/, "must be 1 to 128 letters, digits, '_' or '-'")
  .describe("The caller's own id, or a ULID.");

/** Who a job belongs to. No separator of a key or a reference may occur in it. */
export const ownerSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, "must be 1 to 64 letters, digits, '_' or '-'");

const timestamp = z.iso.datetime();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits");

const role = z.string().max(32).optional();

/** A file by its key, or an output of another job, which is then waited for. */
export const jobInputSchema = z.union(
  [
    z.strictObject({
      key: z.string().min(1).max(1024),
      role,
      etag: z.string().max(256).optional(),
      sizeBytes: z.number().int().nonnegative().optional(),
      sha256: sha256.optional(),
    }),
    z.strictObject({ jobId: jobIdSchema, output: z.string().min(1).max(255), role }),
  ],
  { error: "must be { key } or { jobId, output }" },
);
export type JobInput = z.infer<typeof jobInputSchema>;

export const statusSchema = z.enum(["queued", "running", "succeeded", "failed", "canceled"]);
export type JobStatus = z.infer<typeof statusSchema>;

export const phaseSchema = z.enum([
  "waiting",
  "launching",
  "downloading",
  "probing",
  "processing",
  "uploading",
  "publishing",
]);
export type JobPhase = z.infer<typeof phaseSchema>;

export const laneSchema = z.enum(["embedded", "lambda", "fargate-spot", "fargate", "gpu"]);
export type Lane = z.infer<typeof laneSchema>;
export const sizeSchema = z.enum(["S", "M", "L", "XL"]);
export type Size = z.infer<typeof sizeSchema>;

export const jobOutputSchema = z.object({
  name: z.string(),
  key: z.string(),
  contentType: z.string(),
  sizeBytes: z.number().int().nonnegative(),
  sha256,
  durationSeconds: z.number().nonnegative().nullable(),
});
export type JobOutput = z.infer<typeof jobOutputSchema>;

const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

export const jobErrorSchema = z.object({
  code: z.enum(errorCodes),
  title: z.string(),
  detail: z.string(),
  retryable: z.boolean(),
  hint: z.string(),
  stderrTail: z.string().optional(),
});

/** Why a queued job does not run yet: what it waits for, since when, and what happens next. */
export const waitsForSchema = z.object({
  /** `worker` is not stored: callers see it of a job that waits for nothing but its turn, or for its worker's start. */
  reason: z.enum(["input", "cache", "capacity", "worker"]),
  /** The job whose end wakes this one (input, cache). */
  jobId: jobIdSchema.optional(),
  since: timestamp,
  next: z.string(),
});
export type WaitsFor = z.infer<typeof waitsForSchema>;

export const progressSchema = z.object({
  percent: z.number().min(0).max(100),
  etaSeconds: z.number().nonnegative().nullable(),
});
export type Progress = z.infer<typeof progressSchema>;

export const metadataSchema = z
  .record(z.string().min(1).max(128), z.string().max(limits.metadataValueLength))
  .refine((entries) => Object.keys(entries).length <= limits.metadataEntries, {
    error: `must have at most ${limits.metadataEntries} entries`,
  });

/** The job: one shape in the HTTP API, the queue, the CLI, webhooks and the store. */
export const jobSchema = z.object({
  jobId: jobIdSchema,
  owner: ownerSchema,
  kind: z.enum(kindNames),
  inputs: z.array(jobInputSchema).min(1).max(limits.inputsPerJob),
  params: z.record(z.string(), z.unknown()),
  status: statusSchema,
  phase: phaseSchema,
  progress: progressSchema,
  lane: laneSchema,
  size: sizeSchema,
  attempt: z.number().int().positive(),
  maxAttempts: z.number().int().positive(),
  /** Orderly returns (SIGTERM, Spot interruption): they raise `attempt` without using it up. */
  handBacks: z.number().int().nonnegative(),
  /** Counts the messages sent for this job, so that no two share a deduplication id. */
  launchNumber: z.number().int().nonnegative(),
  runId: z.string().nullable(),
  taskId: z.string().nullable(),
  timeoutSeconds: z.number().positive(),
  cancelRequestedAt: timestamp.nullable(),
  waitsFor: waitsForSchema.nullable(),
  nextLaunchAt: timestamp.nullable(),
  outputs: z.array(jobOutputSchema),
  report: reportSchema.nullable(),
  warnings: z.array(warningSchema),
  cached: z.boolean(),
  cacheKey: z.string().nullable(),
  error: jobErrorSchema.nullable(),
  cost: z.object({ estimatedUsd: z.number().nullable(), actualUsd: z.number().nullable() }),
  metadata: metadataSchema,
  parent: z.object({ type: z.string(), id: z.string() }).nullable(),
  engine: z
    .object({
      mixdown: z.string(),
      ffmpeg: z.string(),
      steps: z.array(z.object({ argv: z.array(z.string()) })),
    })
    .nullable(),
  /** What was asked for, hashed: the same id with another hash is a mistake (idempotency). */
  payloadHash: sha256,
  /** Counts writes; every write names the version it replaces. */
  version: z.number().int().positive(),
  createdAt: timestamp,
  updatedAt: timestamp,
  queuedAt: timestamp,
  launchedAt: timestamp.nullable(),
  startedAt: timestamp.nullable(),
  finishedAt: timestamp.nullable(),
  /** End of the outputs' lifetime. */
  expiresAt: timestamp.nullable(),
});
export type Job = z.infer<typeof jobSchema>;

/** A job's identity. Ids are the callers' own, so they are unique within an owner only. */
export interface JobRef {
  readonly owner: string;
  readonly jobId: string;
}

export const refOf = (job: JobRef): JobRef => ({ owner: job.owner, jobId: job.jobId });

/** A reference as one word (environment variable, key, log line): `jobId`, or `owner.jobId` outside the default owner. */
export function formatJobRef(ref: JobRef, defaultOwner: string): string {
  return ref.owner === defaultOwner ? ref.jobId : `${ref.owner}.${ref.jobId}`;
}

export function parseJobRef(text: string, defaultOwner: string): JobRef {
  const dot = text.indexOf(".");
  const owner = dot < 0 ? defaultOwner : text.slice(0, dot);
  return { owner: ownerSchema.parse(owner), jobId: jobIdSchema.parse(text.slice(dot + 1)) };
}

export const isTerminal = (status: JobStatus): boolean =>
  status === "succeeded" || status === "failed" || status === "canceled";

/** What a caller asks for, before defaults: the body of `POST /jobs`, `mixdown submit` and foreign messages. */
export const jobRequestSchema = z.strictObject({
  jobId: jobIdSchema.optional(),
  kind: z.enum(kindNames),
  inputs: z.array(jobInputSchema).min(1).max(limits.inputsPerJob),
  params: z.record(z.string(), z.unknown()).optional(),
  timeoutSeconds: z.number().min(limits.timeoutSeconds.min).max(limits.timeoutSeconds.max).optional(),
  metadata: metadataSchema.optional(),
});
export type JobRequest = z.infer<typeof jobRequestSchema>;

export type { KindName };
