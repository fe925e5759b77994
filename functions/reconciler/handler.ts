import type { Platform } from "../../core/platform.ts";
import { reconcile } from "../../core/reconcile.ts";
import type { Telemetry } from "../telemetry.ts";

/** Every five minutes: moves what a crash, a lost message or a lost event left behind. */
export const createHandler = (platform: Platform, telemetry: Telemetry) => async (): Promise<void> => {
  const { looked, missedLaunches, lostHeartbeats } = await reconcile(platform);
  telemetry.info("reconciled", { looked, missedLaunches, lostHeartbeats });
  telemetry.count("JobsLookedAt", looked);
  telemetry.count("LaunchDeadlinesMissed", missedLaunches);
  telemetry.count("HeartbeatsLost", lostHeartbeats);
};
