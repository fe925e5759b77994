import { z } from "zod";
import { sha256Hex } from "./canonical-json.ts";
import { describeIssues } from "./describe-issues.ts";
import { MixdownError } from "./errors.ts";
import {
  formatJobRef,
  type Job,
  type JobRef,
  type JobRequest,
  jobIdSchema,
  jobInputSchema,
  metadataSchema,
  ownerSchema,
} from "./job.ts";
import { kindNames } from "./kinds/index.ts";
import { limits } from "./limits.ts";

const ownSchema = z.strictObject({
  jobId: jobIdSchema,
  attempt: z.number().int().positive(),
  owner: ownerSchema.optional(),
});
const shortSchema = z.strictObject({ job_id: jobIdSchema, s3_key: z.string().min(1).max(1024) });
const longSchema = z.strictObject({
  job_id: jobIdSchema,
  kind: z.enum(kindNames),
  inputs: z.array(jobInputSchema).min(1).max(limits.inputsPerJob),
  params: z.record(z.string(), z.unknown()).optional(),
  metadata: metadataSchema.optional(),
});

export type JobMessage =
  | { readonly type: "wake"; readonly ref: JobRef; readonly attempt: number }
  | { readonly type: "submit"; readonly request: JobRequest & { jobId: string } };

/**
 * Reads a queue message: ours, or one of the two foreign shapes.
 * @throws MixdownError `usage_invalid_message` with the reason
 */
export function parseJobMessage(body: string, defaultOwner: string): JobMessage {
  const value = parseJson(body);
  if ("jobId" in value) {
    const own = parseShape(ownSchema, value);
    return { type: "wake", ref: { owner: own.owner ?? defaultOwner, jobId: own.jobId }, attempt: own.attempt };
  }
  if ("s3_key" in value) {
    const short = parseShape(shortSchema, value);
    return { type: "submit", request: { jobId: short.job_id, kind: "clean", inputs: [{ key: short.s3_key }] } };
  }
  const { job_id, ...rest } = parseShape(longSchema, value);
  return { type: "submit", request: { jobId: job_id, ...rest } };
}

function parseJson(body: string): object {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw invalid(`the body is not JSON (received ${JSON.stringify(body.slice(0, 60))})`, cause);
  }
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid("the body is no JSON object");
  return value;
}

function parseShape<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(describeIssues(parsed.error, value), parsed.error);
  return parsed.data;
}

const invalid = (reason: string, cause?: unknown): MixdownError =>
  new MixdownError("usage_invalid_message", {
    message: `Message not accepted: ${reason}; accepted are {jobId, attempt}, {job_id, s3_key} and {job_id, kind, inputs}.`,
    cause,
  });

/** The wake-up call of a job. The deduplication id is new for each launch number and the same for each repeat of it. */
export function buildWakeMessage(job: Job, defaultOwner: string) {
  const ref = formatJobRef(job, defaultOwner);
  const owner = job.owner === defaultOwner ? {} : { owner: job.owner };
  return {
    body: JSON.stringify({ jobId: job.jobId, attempt: job.attempt, ...owner }),
    groupId: sha256Hex(ref),
    deduplicationId: sha256Hex(`${ref}/${job.attempt}/${job.launchNumber}`),
  };
}
