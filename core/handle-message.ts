import { canonicalJson, sha256Hex } from "./canonical-json.ts";
import { changeJob } from "./change-job.ts";
import { MixdownError } from "./errors.ts";
import { domainEventSchema } from "./events.ts";
import type { JobRef } from "./job.ts";
import { launch } from "./launch.ts";
import { limits } from "./limits.ts";
import { parseJobMessage } from "./messages.ts";
import { isoTime, type Platform } from "./platform.ts";
import type { QueueMessage } from "./ports.ts";
import { afterEnd, buildFailure, failJob } from "./settle.ts";
import { accept, buildJob, submit } from "./submit.ts";

/**
 * The invoker's use case for one message: launches ours, turns a foreign one into its job first. What fits no shape,
 * or names an existing id with another payload, touches no job: it becomes a rejection and a dead letter.
 *
 * @returns what is to be done with the message
 * @throws MixdownError retryable ones only: the message should be delivered again
 */
export async function handleMessage(platform: Platform, message: Pick<QueueMessage, "body">): Promise<MessageOutcome> {
  let jobId: string | null = null;
  try {
    const parsed = parseJobMessage(message.body, platform.settings.defaultOwner);
    if (parsed.type === "wake") {
      jobId = parsed.ref.jobId;
      await launch(platform, parsed.ref, parsed.attempt);
    } else {
      jobId = parsed.request.jobId;
      // The message is its wake-up call too: with one of its own a worker might be started twice.
      const ref = await acceptForeign(platform, parsed.request, platform.settings.defaultOwner, accept);
      const job = await platform.jobs.get(ref);
      if (job !== undefined) await launch(platform, ref, job.attempt);
    }
    return { action: "acknowledge", jobId };
  } catch (thrown) {
    const error = MixdownError.from(thrown);
    if (error.retryable) throw error;
    await reject(platform, message.body, error);
    return { action: "reject", jobId, reason: `${error.code}: ${error.message}` };
  }
}

/** What is to be done with a message, and the id of the job that it names, where it names one. */
export type MessageOutcome =
  | { readonly action: "acknowledge"; readonly jobId: string }
  | { readonly action: "reject"; readonly jobId: string | null; readonly reason: string };

/**
 * Makes the job of somebody who gets no answer: a foreign message, a file that was put into the bucket. An id that
 * is new gets a job even when its input is at fault: a failed one.
 * @throws MixdownError what no job can be made of, or touches one that stands
 */
export async function acceptForeign(
  platform: Pick<Platform, "jobs" | "queue" | "cache" | "objects" | "clock" | "settings">,
  request: Parameters<typeof buildJob>[1] & { jobId: string },
  owner: string,
  write: typeof accept | typeof submit = submit,
): Promise<JobRef> {
  try {
    return (await write(platform, request, { owner })).job;
  } catch (thrown) {
    const error = MixdownError.from(thrown);
    if (!error.code.startsWith("input_") && !error.code.startsWith("limit_")) throw error;
    const { job, created } = await platform.jobs.create(buildJob(platform, request, owner));
    if (created) await failJob(platform, job, error);
    return job;
  }
}

/** Keeps what could not be understood, for a person, and tells the bus. The same body twice is one letter. */
async function reject(platform: Platform, body: string, error: MixdownError): Promise<void> {
  const now = platform.clock.now();
  const id = `rej_${sha256Hex(canonicalJson([body, error.code])).slice(0, 32)}`;
  const owner = platform.settings.defaultOwner;
  const event = domainEventSchema.parse({
    id: `evt_${id}`,
    type: "message.rejected.v1",
    time: isoTime(now),
    owner,
    subject: id,
    version: 1,
    data: { body: body.slice(0, limits.stderrTailBytes), error: error.toDocument() },
  });
  await platform.deadLetters.put(buildLetter(id, body, `${error.code}: ${error.message}`, now), event);
}

const buildLetter = (id: string, body: string, reason: string, now: number) => ({
  id,
  body,
  reason,
  at: isoTime(now),
  expiresAt: isoTime(now + limits.deadLetterMs),
});

/**
 * The dead-letter consumer's use case: keeps body and reason, and ends the job that the message was for, if it still
 * waits for exactly this call.
 */
export async function settleDeadLetter(
  platform: Omit<Platform, "launcher">,
  letter: { readonly id: string; readonly body: string; readonly reason: string },
): Promise<void> {
  const now = platform.clock.now();
  let ref: JobRef & { attempt: number };
  try {
    const parsed = parseJobMessage(letter.body, platform.settings.defaultOwner);
    if (parsed.type !== "wake") throw new Error("a foreign message has no job of its own");
    ref = { ...parsed.ref, attempt: parsed.attempt };
  } catch {
    // Rejections were stored when they were rejected; this keeps what died on another way.
    if (!/^(usage|idempotency|input|limit)_/.test(letter.reason)) {
      await platform.deadLetters.put(buildLetter(letter.id, letter.body, letter.reason, now));
    }
    return;
  }
  await platform.deadLetters.put(buildLetter(letter.id, letter.body, letter.reason, now));
  const error = new MixdownError("platform_launch_failed", {
    message: `The job could not be launched (${letter.reason}); \`mixdown redrive\` sends it again.`,
  });
  const failed = await changeJob(platform, ref, (job) =>
    job.status === "queued" && job.attempt === ref.attempt ? buildFailure(error, now) : null,
  );
  if (failed !== null) await afterEnd(platform, failed);
}
