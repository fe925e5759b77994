import { join } from "node:path";
import { isOnAws, readAwsConfig } from "../config/aws.ts";
import { readEmbeddedConfig, readTask, taskScratch } from "../config/embedded.ts";
import { readToolPaths } from "../config/tool-paths.ts";
import { MixdownError } from "../core/errors.ts";
import { parseJobRef } from "../core/job.ts";
import { createId } from "../core/platform.ts";
import type { WorkPlatform } from "../core/run.ts";
import { runAttempt } from "../core/run-attempt.ts";
import { mixdownVersion } from "../core/version.ts";
import { createMediaEngine } from "./engine.ts";
import { findToolchain } from "./media/toolchain/toolchain.ts";
import { openWorkPlatform } from "./wiring.ts";

/** One attempt of one job: the process that a launcher starts. Ends with 0 whenever the store knows the outcome. */
export async function runTask(): Promise<never> {
  // Without the platform nobody hears what becomes of this run; the next platform gives the job to another worker.
  process.on("disconnect", () => process.exit(1));
  try {
    await attempt();
    process.exit(0);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  }
}

async function attempt(): Promise<void> {
  const interrupted = new AbortController();
  const interrupt = () =>
    interrupted.abort(new MixdownError("platform_interrupted", { message: "The worker was told to stop." }));
  process.on("SIGTERM", interrupt).on("SIGINT", interrupt);

  const task = readTask();
  const toolchain = await findToolchain(readToolPaths());
  const { platform, scratchDir } = await openPlatform(toolchain.ffmpeg.major);
  const engine = createMediaEngine({
    // Named by its task, so that the platform can remove what a killed worker leaves.
    scratchDir: join(scratchDir, taskScratch(task.jobRef, task.attempt) + createId(platform.clock)),
    toolchain,
    mixdownVersion,
  });
  try {
    const ref = parseJobRef(task.jobRef, platform.settings.defaultOwner);
    await runAttempt(platform, ref, task.attempt, engine, interrupted.signal);
  } finally {
    await engine.close();
  }
}

/** The platform that this worker belongs to, by its environment. */
async function openPlatform(ffmpegMajor: number): Promise<{ platform: WorkPlatform; scratchDir: string }> {
  if (isOnAws()) {
    const config = readAwsConfig();
    const { openAwsWorkPlatform } = await import("./aws/wiring.ts");
    return { platform: openAwsWorkPlatform(config), scratchDir: config.scratchDir };
  }
  const config = readEmbeddedConfig();
  return { platform: openWorkPlatform(config, ffmpegMajor), scratchDir: join(config.dataDir, "scratch") };
}
