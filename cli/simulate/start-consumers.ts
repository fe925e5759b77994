import { handleMessage, settleDeadLetter } from "../../core/handle-message.ts";
import type { QueueMessage } from "../../core/ports.ts";
import { reconcile } from "../../core/reconcile.ts";
import { isCrash } from "./mortal.ts";
import { functionMs, startProcess } from "./process.ts";
import type { Scene } from "./scene.ts";
import { isPassing } from "./task-end.ts";

const batchSize = 10;
/** A long poll of the queue; what a dead consumer held comes back at the next one. */
const longPollMs = 15_000;
const betweenBatchesMs = 20;
const deadLetterMs = 60_000;
const reconcileMs = 5 * 60_000;
const trimMs = 60_000;

/** SQS's rule for mappings: six times the function's timeout. */
export const visibilityTimeoutMs = 6 * functionMs;

/** What AWS calls by itself: the queue's consumers, the reconciler. They go on until `isOver`. */
export function startConsumers(scene: Scene, isOver: () => boolean): void {
  const every = (ms: number, pass: () => Promise<unknown>): void => {
    scene.crew.start(async () => {
      while (!isOver()) {
        await pass();
        await scene.time.sleep(ms);
      }
    });
  };
  every(betweenBatchesMs, mapQueue(scene));
  every(deadLetterMs, () => consumeDeadLetters(scene));
  every(trimMs, async () => scene.stores.trim());
  every(reconcileMs, async () => scene.crew.start(() => survive(() => reconcileOnce(scene))));
}

/** The event source mapping: as many calls of the invoker at once as it may make, each with a batch. */
function mapQueue(scene: Scene): () => Promise<void> {
  const { time, stores, capacity, crew, bell } = scene;
  let calls = 0;
  return async () => {
    if (calls >= capacity.invokers) return;
    const messages = await time.work(() => stores.queue.receive(batchSize));
    if (messages.length === 0) return bell.wait(time, longPollMs);
    calls += 1;
    crew.start(async () => {
      await survive(() => invoke(scene, messages));
      calls -= 1;
    });
  };
}

/** One call of the invoker. What it failed at, or all when it died, comes back after the visibility timeout. */
async function invoke(scene: Scene, messages: readonly QueueMessage[]): Promise<void> {
  const { platform } = startProcess(scene, "invoker", { limitMs: functionMs });
  const done: QueueMessage[] = [];
  for (const message of messages) {
    try {
      const outcome = await handleMessage(platform, message);
      if (outcome.action === "reject") await platform.queue.reject(message, outcome.reason);
      else done.push(message);
    } catch (thrown) {
      if (!isPassing(thrown)) throw thrown;
    }
  }
  await scene.time.work(async () => {
    for (const { receipt } of done) await scene.stores.queue.acknowledge(receipt);
  });
}

async function consumeDeadLetters(scene: Scene): Promise<void> {
  for (;;) {
    const letters = await scene.time.work(() => scene.stores.queue.receiveDeadLetters(batchSize));
    if (letters.length === 0) return;
    await survive(async () => {
      const { platform } = startProcess(scene, "dead-letter consumer", { limitMs: functionMs });
      for (const letter of letters) {
        await settleDeadLetter(platform, letter);
        await platform.queue.acknowledge(letter.receipt);
      }
    });
  }
}

async function reconcileOnce(scene: Scene): Promise<void> {
  await reconcile(startProcess(scene, "reconciler", { limitMs: functionMs }).platform);
}

/** A service's call that dies or fails in passing is followed by others. */
async function survive(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!isCrash(thrown) && !isPassing(thrown)) throw thrown;
  }
}
