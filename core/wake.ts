import { changeJob } from "./change-job.ts";
import type { Job, JobRef } from "./job.ts";
import { buildWakeMessage } from "./messages.ts";
import type { Platform } from "./platform.ts";

type WakePlatform = Pick<Platform, "jobs" | "queue" | "clock" | "settings">;

/**
 * Sends a queued job's wake-up call under a number of its own: the queue drops what it saw within five minutes.
 * A job that is no longer queued needs none.
 */
export async function wake(platform: WakePlatform, ref: JobRef): Promise<void> {
  const job = await changeJob(platform, ref, (standing) =>
    standing.status === "queued"
      ? { phase: "waiting", waitsFor: null, nextLaunchAt: null, launchNumber: standing.launchNumber + 1 }
      : null,
  );
  if (job !== null) await sendWake(platform, job);
}

export const sendWake = (platform: Pick<WakePlatform, "queue" | "settings">, job: Job): Promise<void> =>
  platform.queue.send(buildWakeMessage(job, platform.settings.defaultOwner));
