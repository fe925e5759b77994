import { z } from "zod";
import { parseJobRef } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import type { AttemptLoss, TaskEnd } from "../../core/settle.ts";

const environmentSchema = z.array(z.object({ name: z.string(), value: z.string() })).default([]);

/** What of "ECS Task State Change" is read; more fields come and go. */
const taskEventSchema = z.object({
  "detail-type": z.literal("ECS Task State Change"),
  detail: z.object({
    taskArn: z.string(),
    lastStatus: z.string(),
    stopCode: z.string().default(""),
    stoppedReason: z.string().default(""),
    containers: z
      .array(z.object({ exitCode: z.number().int().optional(), reason: z.string().default("") }))
      .default([]),
    overrides: z
      .object({ containerOverrides: z.array(z.object({ environment: environmentSchema })).default([]) })
      .default({ containerOverrides: [] }),
  }),
});

/** What Lambda sends to a failure destination of an asynchronous call. */
const failedCallSchema = z.object({
  requestContext: z.object({ requestId: z.string(), condition: z.string() }),
  requestPayload: z.object({ MIXDOWN_JOB_ID: z.string(), MIXDOWN_ATTEMPT: z.coerce.number() }),
  responsePayload: z
    .object({ errorType: z.string().default(""), errorMessage: z.string().default("") })
    .nullish()
    .catch(null),
});

/**
 * The end of a worker that an event tells of: a stopped task, or a call of the worker's function that failed.
 * @returns `null` for tasks that have not stopped, and for tasks that are none of ours
 * @throws ZodError for an event of another shape
 */
export function readTaskEnd(event: unknown, defaultOwner: string): TaskEnd | null {
  if (typeof event === "object" && event !== null && "requestPayload" in event) {
    return readFailedCall(failedCallSchema.parse(event), defaultOwner);
  }
  const { detail } = taskEventSchema.parse(event);
  // The last of a task's states, and so the highest version of its events: what comes late is older and tells nothing.
  if (detail.lastStatus !== "STOPPED") return null;
  const environment = detail.overrides.containerOverrides.flatMap((override) => override.environment);
  const find = (name: string) => environment.find((entry) => entry.name === name)?.value;
  const [jobRef, attempt] = [find("MIXDOWN_JOB_ID"), Number(find("MIXDOWN_ATTEMPT"))];
  if (jobRef === undefined || !Number.isInteger(attempt)) return null;
  const reasons = [detail.stoppedReason, ...detail.containers.map((container) => container.reason)];
  const reason = reasons.filter((text) => text !== "").join("; ");
  const exitCode = detail.containers.find((container) => container.exitCode !== undefined)?.exitCode ?? null;
  return {
    ref: parseJobRef(jobRef, defaultOwner),
    attempt,
    taskId: detail.taskArn,
    exitCode,
    loss: lossOf(detail.stopCode, reason),
    detail: shorten([detail.stopCode, reason, exitCode === null ? "" : `exit code ${exitCode}`]),
  };
}

const interruptions = new Set(["SpotInterruption", "TerminationNotice", "UserInitiated", "ServiceSchedulerInitiated"]);

function lossOf(stopCode: string, reason: string): AttemptLoss {
  // Whatever else is said of the end, with the same memory it would end like this again.
  if (/OutOfMemory/i.test(reason)) return "out-of-memory";
  if (interruptions.has(stopCode)) return "interrupted";
  if (stopCode === "TaskFailedToStart" && /capacity is unavailable|RESOURCE:/i.test(reason)) return "no-capacity";
  return "crashed";
}

/** A function is killed at its memory's limit without a word of its own; the runtime's says so. */
function readFailedCall(call: z.output<typeof failedCallSchema>, defaultOwner: string): TaskEnd {
  const { requestId, condition } = call.requestContext;
  const { errorType = "", errorMessage = "" } = call.responsePayload ?? {};
  // Lambda's limit, and a worker that did not hand back before it: there, the next attempt would end like this one.
  const timedOut = errorType === "Sandbox.Timedout" || /Task timed out after/.test(errorMessage);
  const outOfMemory = errorType === "Runtime.OutOfMemory" || /signal: killed/.test(errorMessage);
  return {
    ref: parseJobRef(call.requestPayload.MIXDOWN_JOB_ID, defaultOwner),
    attempt: call.requestPayload.MIXDOWN_ATTEMPT,
    taskId: requestId,
    exitCode: null,
    loss: lossOfCall(condition, timedOut, outOfMemory),
    detail: shorten([condition, errorType, errorMessage]),
  };
}

function lossOfCall(condition: string, timedOut: boolean, outOfMemory: boolean): AttemptLoss {
  // Too long in the queue for a place to run: the lane is full.
  if (condition === "EventAgeExceeded") return "no-capacity";
  if (timedOut) return "interrupted";
  return outOfMemory ? "out-of-memory" : "crashed";
}

const shorten = (parts: readonly string[]): string =>
  parts
    .filter((part) => part !== "")
    .join(": ")
    .slice(0, limits.metadataValueLength);
