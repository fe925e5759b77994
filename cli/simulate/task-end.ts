import { settleTask, type TaskEnd } from "../../core/settle.ts";
import { isCrash } from "./mortal.ts";
import { functionMs, startProcess } from "./process.ts";
import { happens, type Scene } from "./scene.ts";

/** An event whose listener failed is given to it again after this, and again after twice as long, as Lambda does. */
const retryMs = 60_000;
const retries = 2;

/** The news of a task's end on its way: late, out of order, twice or never. */
export function tellOfTaskEnd(scene: Scene, { ref, attempt, taskId, exitCode, loss, detail }: TaskEnd): void {
  const { time, random, faults, crew } = scene;
  if (happens(scene, "events lost", faults.eventLost)) return;
  const copies = happens(scene, "events repeated", faults.eventTwice) ? 2 : 1;
  const end = { ref, attempt, taskId, exitCode, loss, detail };
  for (let copy = 0; copy < copies; copy++) {
    const delayMs = random.exponential(random.chance(0.1) ? 60_000 : 2_000);
    crew.start(async () => {
      await time.sleep(delayMs);
      await listen(scene, end);
    });
  }
}

async function listen(scene: Scene, end: TaskEnd): Promise<void> {
  for (let round = 0; ; round++) {
    try {
      await settleTask(startProcess(scene, "listener", { limitMs: functionMs }).platform, end);
      return;
    } catch (thrown) {
      if (round === retries) return;
      if (!isCrash(thrown) && !isPassing(thrown)) throw thrown;
      await scene.time.sleep(retryMs * (round + 1));
    }
  }
}

/** A fault that was put in on purpose, as the use cases hand it on. */
export const isPassing = (thrown: unknown): boolean =>
  (thrown as { code?: unknown } | null)?.code === "platform_unreachable";
