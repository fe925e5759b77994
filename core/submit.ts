import { canonicalJson, sha256Hex } from "./canonical-json.ts";
import { describeIssues } from "./describe-issues.ts";
import { MixdownError } from "./errors.ts";
import { type Job, type JobInput, type JobRequest, jobRequestSchema } from "./job.ts";
import { attemptUsd } from "./job-cost.ts";
import { kinds, parseParams } from "./kinds/index.ts";
import { checkInputRule } from "./kinds/input-rule.ts";
import {
  chooseSize,
  defaultTimeoutSeconds,
  estimateSeconds,
  firstLane,
  guessDurationSeconds,
  type InputExtent,
} from "./lane.ts";
import { limits } from "./limits.ts";
import { buildWakeMessage } from "./messages.ts";
import { mayRead } from "./object-keys.ts";
import { createId, isoTime, type Platform } from "./platform.ts";

type SubmitPlatform = Pick<Platform, "jobs" | "queue" | "objects" | "clock" | "settings">;

export interface SubmitOptions {
  readonly owner: string;
  readonly idempotencyKey?: string | undefined;
}

/**
 * Accepts a job: checks it, writes it, and sends its wake-up call. Once this returns, the job will end; a crash
 * between the write and the message is repaired by the reconciler.
 *
 * @returns the job, and whether it is new or the one that stands under the same id or key
 * @throws MixdownError `usage_*`, `input_not_found`, `limit_*`, `idempotency_mismatch`
 */
export async function submit(
  platform: SubmitPlatform,
  body: unknown,
  options: SubmitOptions,
): Promise<{ job: Job; created: boolean }> {
  const accepted = await accept(platform, body, options);
  if (accepted.created) await platform.queue.send(buildWakeMessage(accepted.job, platform.settings.defaultOwner));
  return accepted;
}

/** `submit` without the wake-up call, for who launches the job by itself and comes again if that is cut short. */
export async function accept(
  platform: Omit<SubmitPlatform, "queue">,
  body: unknown,
  options: SubmitOptions,
): Promise<{ job: Job; created: boolean }> {
  const { job } = await prepareJob(platform, body, options.owner);
  return platform.jobs.create(job, options.idempotencyKey);
}

/** The job that a request makes, checked against the inputs as they stand; nothing is written. @throws as `submit` */
export async function prepareJob(
  platform: Omit<SubmitPlatform, "queue">,
  body: unknown,
  owner: string,
): Promise<{ job: Job; extent: InputExtent | null }> {
  const request = parseJobRequest(body);
  const draft = buildJob(platform, request, owner);
  const standing = await platform.jobs.get(draft);
  // A repeat must return the first job even when its input is gone by now.
  const extent = standing === undefined ? await checkInputs(platform, draft) : null;
  const inputBytes = extent?.sizeBytes ?? null;
  const timeoutSeconds = request.timeoutSeconds ?? defaultTimeoutSeconds(inputBytes);
  const lane = firstLane(platform.settings, draft.kind, extent);
  const size = chooseSize(inputBytes);
  const seconds = estimateSeconds(draft.kind, extent, platform.settings.slowness);
  const cost = { estimatedUsd: attemptUsd(lane, size, seconds), actualUsd: null };
  return { job: { ...draft, lane, size, timeoutSeconds, cost }, extent };
}

/** @throws MixdownError `usage_invalid`, `usage_unknown_kind` */
export function parseJobRequest(body: unknown): JobRequest {
  const kind = (body as { kind?: unknown } | null)?.kind;
  if (typeof kind === "string" && !Object.hasOwn(kinds, kind)) {
    throw new MixdownError("usage_unknown_kind", {
      message: `kind is ${JSON.stringify(kind.slice(0, 60))}; this version knows ${Object.keys(kinds).join(", ")}.`,
    });
  }
  const parsed = jobRequestSchema.safeParse(body);
  if (!parsed.success) throw new MixdownError("usage_invalid", { message: `${describeIssues(parsed.error, body)}.` });
  return parsed.data;
}

/** A job as it is before its inputs were looked at. @throws MixdownError `usage_invalid` */
export function buildJob(platform: Pick<Platform, "clock" | "settings">, request: JobRequest, owner: string): Job {
  const now = isoTime(platform.clock.now());
  const params = parseParams(request.kind, request.params);
  checkInputRule(request.kind, request.inputs);
  const payload = {
    kind: request.kind,
    inputs: request.inputs,
    params,
    timeoutSeconds: request.timeoutSeconds,
    metadata: request.metadata ?? {},
  };
  return {
    jobId: request.jobId ?? createId(platform.clock),
    owner,
    kind: request.kind,
    inputs: request.inputs,
    params,
    status: "queued",
    phase: "waiting",
    progress: { percent: 0, etaSeconds: null },
    lane: firstLane(platform.settings, request.kind, null),
    size: "S",
    attempt: 1,
    maxAttempts: limits.maxAttempts,
    handBacks: 0,
    launchNumber: 0,
    runId: null,
    taskId: null,
    timeoutSeconds: request.timeoutSeconds ?? defaultTimeoutSeconds(null),
    cancelRequestedAt: null,
    waitsFor: null,
    nextLaunchAt: null,
    outputs: [],
    report: null,
    warnings: [],
    cached: false,
    cacheKey: null,
    error: null,
    cost: { estimatedUsd: null, actualUsd: null },
    metadata: request.metadata ?? {},
    parent: null,
    engine: null,
    payloadHash: sha256Hex(canonicalJson(payload)),
    version: 1,
    createdAt: now,
    updatedAt: now,
    queuedAt: now,
    launchedAt: null,
    startedAt: null,
    finishedAt: null,
    expiresAt: null,
  };
}

/** Looks at every input; their extents in sum where all are known. @throws MixdownError `input_not_found`, `limit_input_size` */
async function checkInputs(platform: Omit<SubmitPlatform, "queue">, job: Job): Promise<InputExtent | null> {
  const extents = await Promise.all(job.inputs.map((input) => checkInput(platform, job.owner, input)));
  let sum: InputExtent = { sizeBytes: 0, durationSeconds: 0 };
  for (const extent of extents) {
    if (extent === null) return null;
    sum = {
      sizeBytes: sum.sizeBytes + extent.sizeBytes,
      durationSeconds: sum.durationSeconds + extent.durationSeconds,
    };
  }
  return sum;
}

async function checkInput(
  platform: Omit<SubmitPlatform, "queue">,
  owner: string,
  input: JobInput,
): Promise<InputExtent | null> {
  if ("jobId" in input) {
    const source = await platform.jobs.get({ owner, jobId: input.jobId });
    if (source !== undefined) return null;
    throw new MixdownError("input_not_found", { message: `Input job ${input.jobId} does not exist; submit it first.` });
  }
  const readable = mayRead(owner, input.key, platform.settings.defaultOwner);
  const object = readable ? await platform.objects.head(input.key) : undefined;
  if (object === undefined) {
    throw new MixdownError("input_not_found", {
      message: `Input ${JSON.stringify(input.key)} does not exist; upload it first.`,
    });
  }
  if (object.sizeBytes > limits.inputBytes) {
    throw new MixdownError("limit_input_size", {
      message: `Input ${JSON.stringify(input.key)} has ${object.sizeBytes} bytes; at most ${limits.inputBytes} are accepted; split the file first.`,
    });
  }
  const { sizeBytes, contentType } = object;
  return { sizeBytes, durationSeconds: guessDurationSeconds(sizeBytes, contentType) };
}
