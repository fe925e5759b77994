import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EmbeddedPlatform, openEmbedded } from "../../cli/wiring.ts";
import { readEmbeddedConfig } from "../../config/embedded.ts";
import { isTerminal, type Job } from "../../core/job.ts";
import { submit } from "../../core/submit.ts";
import { findMarked } from "./process-tree.ts";

/** As the bar has it; MIXDOWN_KILL_ROUNDS runs fewer or more. */
const rounds = Number(process.env.MIXDOWN_KILL_ROUNDS ?? 100);
const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

let dataDir: string;
let embedded: EmbeddedPlatform;
let platform: ChildProcess | undefined;
const submitted: string[] = [];

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "mixdown-kill-"));
  for (const seconds of [1, 2, 3]) {
    const clip = join(dataDir, `clip-${seconds}.wav`);
    const made = spawnSync(
      "sox",
      `-n -r 48000 -c 1 ${clip} synth ${seconds} pinknoise synth sine amod 3 vol 0.2`.split(" "),
    );
    if (made.status !== 0) throw new Error(`sox: ${made.stderr}`);
  }
  embedded = await openEmbedded(readEmbeddedConfig({ MIXDOWN_DATA: dataDir }));
});

afterAll(async () => {
  for (const { pid } of findMarked(dataDir)) process.kill(pid, "SIGKILL");
  await embedded?.close();
  rmSync(dataDir, { recursive: true, force: true });
});

function startPlatform(): ChildProcess {
  return spawn(process.execPath, [main, "dev", "--data", dataDir], {
    env: { ...process.env, MIXDOWN_DATA: dataDir, MIXDOWN_WORKERS: "2", MIXDOWN_PORT: "0" },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function submitOne(index: number): Promise<void> {
  const key = `raw/local/${index}/clip.wav`;
  await embedded.platform.objects.putFile(key, join(dataDir, `clip-${1 + (index % 3)}.wav`), "audio/wav");
  // Parameters of its own: equal jobs would be served from the cache and never be at risk.
  const work =
    index % 2 === 0
      ? { kind: "stitch", params: { gapMs: index } }
      : { kind: "clean", params: { loudnessLufs: -16 - index / 100 } };
  const request = { jobId: `job-${index}`, ...work, inputs: [{ key }] };
  await submit(embedded.platform, request, { owner: "local" });
  submitted.push(request.jobId);
}

/** Kills one random part of the tree: the platform, a worker or an ffmpeg. */
function killOne(): void {
  const parts = findMarked(dataDir);
  const role = ["main.ts dev", "worker/main.ts", "ffmpeg"][Math.floor(Math.random() * 3)] ?? "";
  const candidates = parts.filter((part) => part.command.includes(role));
  const victim = (candidates.length > 0 ? candidates : parts)[0];
  try {
    if (victim !== undefined) process.kill(victim.pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

const jobs = async (): Promise<Job[]> =>
  Promise.all(submitted.map(async (jobId) => (await embedded.platform.jobs.get({ owner: "local", jobId })) as Job));

test(`fails when ${rounds} rounds of kill -9 at random instants lose a job, double one, or leave anything running`, async () => {
  platform = startPlatform();
  for (let round = 0; round < rounds; round++) {
    await submitOne(round);
    await sleep(Math.random() * 700);
    killOne();
    await sleep(20);
    if (platform.exitCode !== null || platform.signalCode !== null) platform = startPlatform();
  }
  const deadline = Date.now() + 300_000;
  while (Date.now() < deadline && (await jobs()).some((job) => !isTerminal(job.status))) {
    if (platform.exitCode !== null || platform.signalCode !== null) platform = startPlatform();
    await sleep(200);
  }
  const ended = await jobs();
  expect(
    ended.filter((job) => !isTerminal(job.status)).map((job) => `${job.jobId} ${job.status}/${job.phase}`),
  ).toEqual([]);

  // A job whose every attempt was hit may fail, with the platform's reason; most must get through.
  const failed = ended.filter((job) => job.status === "failed");
  expect(failed.filter((job) => job.error?.code.startsWith("platform_") !== true)).toEqual([]);
  expect(failed.length).toBeLessThanOrEqual(rounds * 0.1);

  const ends = new Map<string, number>();
  for (let position = 0; ; ) {
    const page = await embedded.events.read(position, 500);
    for (const { event } of page) {
      if (/succeeded|failed|canceled/.test(event.type)) ends.set(event.subject, (ends.get(event.subject) ?? 0) + 1);
    }
    if (page.length === 0) break;
    position = page.at(-1)?.position ?? position;
  }
  expect([...ends.values()].every((count) => count === 1)).toBe(true);
  expect(ends.size).toBe(rounds);
  for (const job of ended.filter((candidate) => candidate.status === "succeeded")) {
    for (const output of job.outputs)
      expect(await embedded.platform.objects.head(output.key)).toMatchObject({ sha256: output.sha256 });
    expect(
      readdirSync(join(dataDir, "objects", "outputs", job.jobId)),
      `${job.jobId} left another run's files`,
    ).toHaveLength(1);
  }

  platform.kill("SIGTERM");
  const end = Date.now() + 8_000;
  while (findMarked(dataDir).length > 0 && Date.now() < end) await sleep(50);
  expect(findMarked(dataDir)).toEqual([]);
  const scratch = join(dataDir, "scratch");
  expect(existsSync(scratch) ? readdirSync(scratch) : []).toEqual([]);
});
