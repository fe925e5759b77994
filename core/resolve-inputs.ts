import { contentIdentity } from "./cache-key.ts";
import { MixdownError } from "./errors.ts";
import { isTerminal, type Job, type JobInput } from "./job.ts";
import { mayRead } from "./object-keys.ts";
import type { Platform } from "./platform.ts";
import type { ObjectInfo } from "./ports.ts";

export interface ResolvedInput {
  readonly object: ObjectInfo;
  /** What the user calls it. */
  readonly name: string;
  readonly role?: string | undefined;
  /** Identity of the content, for the cache key. */
  readonly content: string;
}

type ResolvePlatform = Pick<Platform, "jobs" | "objects" | "settings">;

/**
 * Finds every input as it stands now.
 *
 * @returns the inputs in the job's order, or the first job that has to end before this one can start
 * @throws MixdownError `input_not_found`, `input_changed`, `input_job_failed`, `usage_output_not_found`, `output_expired`
 */
export async function resolveInputs(
  platform: ResolvePlatform,
  job: Job,
): Promise<{ inputs: readonly ResolvedInput[] } | { waitFor: string }> {
  const inputs: ResolvedInput[] = [];
  for (const input of job.inputs) {
    const resolved = await resolveInput(platform, job, input);
    if ("waitFor" in resolved) return resolved;
    inputs.push(resolved);
  }
  return { inputs };
}

async function resolveInput(
  platform: ResolvePlatform,
  job: Job,
  input: JobInput,
): Promise<ResolvedInput | { waitFor: string }> {
  if ("key" in input) {
    const readable = mayRead(job.owner, input.key, platform.settings.defaultOwner);
    const object = readable ? await platform.objects.head(input.key) : undefined;
    if (object === undefined) throw notFound(`Input ${JSON.stringify(input.key)}`, "upload it again");
    checkPins(input, object);
    return describe(object, input.key.split("/").at(-1) ?? input.key, input.role);
  }
  const source = await platform.jobs.get({ owner: job.owner, jobId: input.jobId });
  if (source === undefined) throw notFound(`Input job ${input.jobId}`, "submit it first");
  if (!isTerminal(source.status)) return { waitFor: source.jobId };
  if (source.status !== "succeeded") {
    throw new MixdownError("input_job_failed", {
      message: `Input job ${source.jobId} ended as ${source.status}${source.error === null ? "" : ` (${source.error.code})`}, so there is no ${input.output} to work on; retry it first.`,
    });
  }
  const output = source.outputs.find((candidate) => candidate.name === input.output);
  if (output === undefined) {
    const names = source.outputs.map((candidate) => candidate.name).join(", ");
    throw new MixdownError("usage_output_not_found", {
      message: `Job ${source.jobId} has no output ${JSON.stringify(input.output)}; it has ${names}.`,
    });
  }
  const object = await platform.objects.head(output.key);
  if (object === undefined) {
    throw new MixdownError("output_expired", {
      message: `Output ${output.name} of job ${source.jobId} is gone${source.expiresAt === null ? "" : ` (kept until ${source.expiresAt})`}; retry that job to make it again.`,
    });
  }
  return describe(object, output.name, input.role);
}

const describe = (object: ObjectInfo, name: string, role: string | undefined): ResolvedInput => ({
  object,
  name,
  role,
  content: contentIdentity(object),
});

const notFound = (what: string, remedy: string): MixdownError =>
  new MixdownError("input_not_found", { message: `${what} does not exist; ${remedy}.` });

/** What the caller said of the file must still be true of it. */
function checkPins(input: Extract<JobInput, { key: string }>, object: ObjectInfo): void {
  const differs =
    (input.etag !== undefined && input.etag !== object.etag) ||
    (input.sizeBytes !== undefined && input.sizeBytes !== object.sizeBytes) ||
    (input.sha256 !== undefined && object.sha256 !== null && input.sha256 !== object.sha256);
  if (!differs) return;
  throw new MixdownError("input_changed", {
    message: `Input ${JSON.stringify(input.key)} is not the file that was named (now ${object.sizeBytes} bytes, etag ${object.etag}); submit a new job for it.`,
  });
}
