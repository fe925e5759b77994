import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MixdownError } from "../../core/errors.ts";
import { isTerminal } from "../../core/job.ts";
import type { Interrupt } from "./interrupt.ts";
import { runTool } from "./run-tool.ts";
import { say } from "./say.ts";
import type { SmokeJob, SmokeWay } from "./smoke-ways.ts";
import { checkout } from "./workspace.ts";

const narration = join(checkout, "assets", "demo", "narration-2.m4a");
/** A task on Fargate starts within two minutes, and five when the image is new to it. */
const patienceMs = 600_000;
const pollMs = 1_000;
/** Of what the recipe promises. */
const targetLufs = -16;
const toleranceLu = 1;

/**
 * Sends the demo's narration through the platform and measures what comes back.
 * @throws MixdownError the job's own, `limit_timeout`, `platform_deploy_failed`
 */
export async function runSmokeJob(way: SmokeWay, env: NodeJS.ProcessEnv, interrupt: Interrupt): Promise<void> {
  try {
    await sendAndMeasure(way, env, interrupt);
  } catch (thrown) {
    if (thrown instanceof MixdownError) throw thrown;
    // A key that is not accepted, a right that the deployer lacks, a name that is not known yet.
    const { name, message } = thrown as Error;
    refuse(`${way.what}: ${message.replace(/\.$/, "")} (${name})`, thrown);
  }
}

async function sendAndMeasure(way: SmokeWay, env: NodeJS.ProcessEnv, interrupt: Interrupt): Promise<void> {
  say(`  …   a job ${way.what}`);
  const started = performance.now();
  const jobId = await way.submit(narration);
  const job = await waitForEnd(jobId, way, interrupt);
  const seconds = Math.round((performance.now() - started) / 1_000);
  if (job.status !== "succeeded") refuseEnd(job);
  const bytes = await way.download(jobId);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const promised = job.outputs[0]?.sha256;
  if (sha256 !== promised) {
    refuse(`${jobId}'s output came down as ${sha256.slice(0, 12)}… and was made as ${promised?.slice(0, 12)}…`);
  }
  const said = job.report?.after?.integratedLufs ?? null;
  const measured = await measureLufs(bytes, env, interrupt);
  for (const lufs of [said, measured ?? said]) {
    if (lufs === null || Math.abs(lufs - targetLufs) > toleranceLu) {
      refuse(`${jobId} should be at ${targetLufs} LUFS and is at ${lufs ?? "none that was measured"}`);
    }
  }
  const here = measured === null ? "not measured here: there is no ffmpeg" : `${measured} LUFS measured here`;
  say(
    `  ok  ${jobId}: ${seconds} s, ${bytes.length} bytes as they were made, report ${Math.round(Number(said) * 10) / 10} LUFS, ${here}`,
  );
}

async function waitForEnd(jobId: string, way: SmokeWay, interrupt: Interrupt): Promise<SmokeJob> {
  const deadline = performance.now() + patienceMs;
  let shown = "";
  for (;;) {
    interrupt.check();
    const job = await way.get(jobId);
    if (job !== undefined && isTerminal(job.status)) return job;
    const state = describe(job);
    if (state !== shown) say(`  …   ${jobId}: ${state}`);
    shown = state;
    if (performance.now() > deadline) {
      throw new MixdownError("limit_timeout", {
        message: `${jobId} is ${state} after ${patienceMs / 60_000} minutes; the stacks stand, and docs/runbook.md, "a job waits", says where to look; then run the same command again.`,
      });
    }
    await sleep(pollMs);
  }
}

function describe(job: SmokeJob | undefined): string {
  if (job === undefined) return "not seen by anybody yet";
  const { status, phase, waitsFor } = job;
  return `${status}, ${phase}${waitsFor === null ? "" : ` for ${waitsFor.reason}: ${waitsFor.next}`}`;
}

function refuseEnd({ jobId, status, error }: SmokeJob): never {
  const why = error === null ? "" : `: ${error.detail.replace(/\.$/, "")} (${error.code})`;
  return refuse(`${jobId} ended as ${status}${why}`);
}

function refuse(what: string, cause?: unknown): never {
  throw new MixdownError("platform_deploy_failed", {
    message: `The stacks stand, but the job that should show it did not go well: ${what}; see docs/runbook.md, then run the same command again.`,
    cause,
  });
}

/** Programme loudness by ffmpeg's meter, another than the worker's own; null where there is no ffmpeg. */
async function measureLufs(bytes: Buffer, env: NodeJS.ProcessEnv, interrupt: Interrupt): Promise<number | null> {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-smoke-"));
  try {
    const file = join(folder, "output");
    writeFileSync(file, bytes);
    const args = ["-hide_banner", "-nostats", "-i", file, "-af", "ebur128", "-f", "null", "-"];
    const run = { command: env.FFMPEG_PATH || "ffmpeg", args, cwd: folder, env, interrupt };
    const result = await runTool(run).catch(() => undefined);
    interrupt.check();
    if (result === undefined || result.code !== 0) return null;
    const lufs = Number(/Summary:[\s\S]*?I:\s+(-?[\d.]+) LUFS/.exec(result.said)?.[1]);
    return Number.isFinite(lufs) ? lufs : null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
