import type { WorkPlatform } from "../../core/run.ts";
import { settleTask } from "../../core/settle.ts";
import type { Telemetry } from "../telemetry.ts";
import { readTaskEnd } from "./read-task-end.ts";

/** Told of every stopped task and failed call: settles the attempt if its run still holds the job. */
export const createHandler =
  (platform: WorkPlatform, telemetry: Telemetry) =>
  async (event: unknown): Promise<void> => {
    const end = readTaskEnd(event, platform.settings.defaultOwner);
    if (end === null) return;
    const settled = await settleTask(platform, end);
    const { ref, attempt, taskId, exitCode, loss } = end;
    telemetry.info("task ended", { jobId: ref.jobId, attempt, taskId, exitCode, loss, settled });
    if (settled) telemetry.count("AttemptsLost");
  };
