import { MixdownError } from "../../core/errors.ts";
import { redrive } from "../../core/redrive.ts";
import { retry } from "../../core/retry.ts";
import { isCrash } from "./mortal.ts";
import { startProcess } from "./process.ts";
import { count, type Scene } from "./scene.ts";
import { isPassing } from "./task-end.ts";

const owner = "local";

/** Whoever looks after the platform: sends dead letters again, and retries once what the platform failed at. */
export async function lookAfter(scene: Scene): Promise<void> {
  for (const { id } of await scene.stores.deadLetters.list()) {
    await attempt(scene, "dead letters sent again", (platform) => redrive(platform, id));
  }
  for (const jobId of scene.ledger.jobIds) {
    const job = await scene.stores.jobs.get({ owner, jobId });
    if (job?.error == null || /^(input|usage|limit)_/.test(job.error.code)) continue;
    await attempt(scene, "failed jobs retried", (platform) => retry(platform, { owner, jobId }));
  }
}

type Act = (platform: ReturnType<typeof startProcess>["platform"]) => Promise<unknown>;

async function attempt(scene: Scene, name: string, act: Act): Promise<void> {
  try {
    await act(startProcess(scene, "command").platform);
    count(scene.tally, name);
  } catch (thrown) {
    const refused = thrown instanceof MixdownError && thrown.source === "user";
    if (!refused && !isCrash(thrown) && !isPassing(thrown)) throw thrown;
  }
}
