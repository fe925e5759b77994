import { setTimeout as sleep } from "node:timers/promises";
import { handleMessage, settleDeadLetter } from "../core/handle-message.ts";
import type { JobRef } from "../core/job.ts";
import type { Platform } from "../core/platform.ts";
import { reconcile } from "../core/reconcile.ts";
import { repeatEnd, settleAttempt } from "../core/settle.ts";
import { sweepObjects, sweepStrayOutputs } from "../core/sweep.ts";

/** How long an idle invoker waits before it looks again; a look is one indexed query. */
const pollMs = 25;
const reconcileMs = 1_000;
const webhookMs = 500;
const sweepMs = 3_600_000;
/** Most messages of one receive, as with SQS. */
const batchSize = 10;

export interface LoopOptions {
  readonly platform: Platform;
  /** How many more tasks may be launched now. */
  readonly freeSlots: () => number;
  /** Removes what was begun to be uploaded and never completed. */
  readonly sweepUploads: () => Promise<unknown>;
  /** Removes what the store has kept for its time. */
  readonly purgeRows: () => Promise<unknown>;
  /** Tells webhook endpoints what happened since the last call. */
  readonly deliverWebhooks: () => Promise<unknown>;
  readonly signal: AbortSignal;
  /** A fault of one message or pass, which will be tried again. */
  readonly onFault: (error: unknown) => void;
}

/** The embedded platform's moving parts: invoker, reconciler, dead-letter consumer, sweeper. Ends with the signal. */
export async function runLoops(options: LoopOptions): Promise<void> {
  const { platform } = options;
  await reconcile(platform, { boot: true });
  await Promise.all([
    every(pollMs, options, () => invoke(options)),
    every(reconcileMs, options, async () => {
      await reconcile(platform);
      for (const letter of await platform.queue.receiveDeadLetters(batchSize)) {
        await settleDeadLetter(platform, letter);
        await platform.queue.acknowledge(letter.receipt);
      }
    }),
    every(webhookMs, options, options.deliverWebhooks),
    every(sweepMs, options, async () => {
      await options.purgeRows();
      await sweepObjects(platform);
      await sweepStrayOutputs(platform);
      await options.sweepUploads();
    }),
  ]);
}

/** Takes as many messages as there are free workers, so that no launch is refused. True when there may be more. */
async function invoke({ platform, freeSlots, onFault }: LoopOptions): Promise<boolean> {
  const free = freeSlots();
  if (free <= 0) return false;
  const messages = await platform.queue.receive(Math.min(free, batchSize));
  for (const message of messages) {
    try {
      const outcome = await handleMessage(platform, message);
      if (outcome.action === "acknowledge") await platform.queue.acknowledge(message.receipt);
      else await platform.queue.reject(message, outcome.reason);
    } catch (fault) {
      // Not acknowledged: it comes again after the visibility timeout, and in the end as a dead letter.
      onFault(fault);
    }
  }
  return messages.length > 0;
}

/** Repeats `pass` until the signal; at once while it returns true. */
async function every(ms: number, { signal, onFault }: LoopOptions, pass: () => Promise<unknown>): Promise<void> {
  while (!signal.aborted) {
    let more: unknown = false;
    try {
      more = await pass();
    } catch (fault) {
      if (!signal.aborted) onFault(fault);
    }
    if (more !== true) await sleep(ms, undefined, { signal }).catch(() => {});
  }
}

export interface TaskExit {
  readonly ref: JobRef;
  readonly attempt: number;
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly stderrTail: string;
}

/** What a worker's end means: nothing when it settled its job itself, else the next attempt. */
export async function settleExit(platform: Platform, exit: TaskExit, stopping: boolean): Promise<void> {
  const how = exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`;
  const lastLine = exit.stderrTail.trim().split("\n").at(-1) ?? "";
  const detail = lastLine === "" ? how : `${how}: ${lastLine.slice(0, 200)}`;
  const settled = await settleAttempt(platform, exit.ref, exit.attempt, stopping ? "interrupted" : "crashed", detail);
  if (!settled && exit.exitCode !== 0) await repeatEnd(platform, exit.ref);
}
