import { jobNotFound } from "./cancel.ts";
import { MixdownError } from "./errors.ts";
import { isTerminal, type Job } from "./job.ts";
import { parseJobMessage } from "./messages.ts";
import type { Platform } from "./platform.ts";
import type { DeadLetter } from "./ports.ts";
import { retry } from "./retry.ts";
import { submit } from "./submit.ts";
import { wake } from "./wake.ts";

export interface Redriven {
  readonly letter: DeadLetter;
  readonly job: Job;
}

/**
 * Sends what a dead letter was about once more, as the store stands now: a failed job's next attempt, a waiting job's
 * wake-up call, a foreign message's job. The letter is removed when that is done.
 *
 * @throws MixdownError `usage_invalid` when there is no such letter, `usage_invalid_message` when its body still fits no
 *   shape, `usage_not_retryable` when its job has succeeded
 */
export async function redrive(platform: Platform, letterId: string): Promise<Redriven> {
  const letter = (await platform.deadLetters.list()).find((candidate) => candidate.id === letterId);
  if (letter === undefined) {
    throw new MixdownError("usage_invalid", {
      message: `There is no dead letter ${JSON.stringify(letterId)}; \`mixdown redrive\` without an id lists them.`,
    });
  }
  const job = await resend(platform, letter);
  await platform.deadLetters.remove(letter.id);
  return { letter, job };
}

async function resend(platform: Platform, letter: DeadLetter): Promise<Job> {
  const parsed = parseJobMessage(letter.body, platform.settings.defaultOwner);
  if (parsed.type === "submit") {
    return (await submit(platform, parsed.request, { owner: platform.settings.defaultOwner })).job;
  }
  const job = await platform.jobs.get(parsed.ref);
  if (job === undefined) throw jobNotFound(parsed.ref.jobId);
  if (isTerminal(job.status)) return retry(platform, job);
  if (job.status === "queued") await wake(platform, job);
  return job;
}
