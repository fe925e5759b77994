import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal } from "../../core/job.ts";
import { type Fired, fire } from "./fire.ts";
import { LoadedServer, openStore } from "./loaded-server.ts";

const inputKey = "raw/local/load/talk.wav";
const jobBody = { kind: "clean", inputs: [{ key: inputKey }] };

const warmUpSeconds = 3;

/** A folder with one short input in its store. */
export async function withFolder<T>(use: (dataDir: string) => Promise<T>): Promise<T> {
  const dataDir = mkdtempSync(join(tmpdir(), "mixdown-load-"));
  try {
    const clip = join(dataDir, "clip.wav");
    const made = spawnSync("sox", `-n -r 48000 -c 1 ${clip} synth 0.5 pinknoise vol 0.2`.split(" "));
    if (made.status !== 0) throw new Error(`sox: ${made.stderr}`);
    const { platform, close } = await openStore(dataDir);
    await platform.objects.putFile(inputKey, clip, "audio/wav");
    await close();
    return await use(dataDir);
  } finally {
    rmSync(dataDir, { recursive: true, force: true });
  }
}

export interface LoadResult {
  readonly submits: Fired;
  readonly gets: Fired;
  readonly cpuMsPerRequest: number;
  /** Resident memory, MB: at the end, at most, and how it grew after the first half. */
  readonly memory: { readonly last: number; readonly most: number; readonly slopePerMinute: number };
}

/** `rate` requests a second, half submits and half gets, on a platform that accepts only. */
export const measureLoad = (seconds: number, rate: number): Promise<LoadResult> =>
  withFolder(async (dataDir) => {
    const server = await LoadedServer.start(dataDir, 0);
    try {
      const jobId = await server.submit(jobBody);
      const headers = { "content-type": "application/json" };
      const shots = [
        { url: `${server.url}/v1/jobs`, method: "POST", headers, body: JSON.stringify(jobBody) },
        { url: `${server.url}/v1/jobs/${jobId}`, method: "GET" },
      ] as const;
      // Code that runs for the first time is compiled first; that is not what a steady load waits for.
      await fire(shots, rate / 2, warmUpSeconds);
      const memory: { readonly at: number; readonly mb: number }[] = [];
      const sampling = setInterval(() => memory.push({ at: performance.now(), mb: server.readMemory() }), 250);
      const cpuBefore = server.readCpu();
      const [submits, gets] = await fire(shots, rate / 2, seconds).finally(() => clearInterval(sampling));
      if (submits === undefined || gets === undefined) throw new Error("nothing was measured");
      const cpuMsPerRequest = ((server.readCpu() - cpuBefore) * 1_000) / (submits.count + gets.count);
      const most = Math.max(...memory.map((sample) => sample.mb));
      const slopePerMinute = slopeOf(memory.slice(Math.floor(memory.length / 2))) * 60_000;
      return { submits, gets, cpuMsPerRequest, memory: { last: memory.at(-1)?.mb ?? 0, most, slopePerMinute } };
    } finally {
      await server.end("SIGKILL");
    }
  });

/** Least squares, MB a millisecond. */
function slopeOf(samples: readonly { readonly at: number; readonly mb: number }[]): number {
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);
  const [meanAt, meanMb] = [mean(samples.map(({ at }) => at)), mean(samples.map(({ mb }) => mb))];
  const spread = samples.reduce((sum, { at }) => sum + (at - meanAt) ** 2, 0);
  return samples.reduce((sum, { at, mb }) => sum + (at - meanAt) * (mb - meanMb), 0) / Math.max(1, spread);
}

/** Kills the platform `kills` times under eight callers who submit as fast as they are answered. */
export const measureKills = (kills: number): Promise<{ readonly accepted: number; readonly lost: readonly string[] }> =>
  withFolder(async (dataDir) => {
    const accepted: string[] = [];
    for (let kill = 0; kill < kills; kill += 1) {
      const server = await LoadedServer.start(dataDir, 0);
      const callers = Promise.allSettled(
        Array.from({ length: 8 }, async () => {
          for (;;) accepted.push(await server.submit(jobBody));
        }),
      );
      await sleep(100 + Math.random() * 400);
      await server.end("SIGKILL");
      await callers;
    }
    const { platform, close } = await openStore(dataDir);
    const lost: string[] = [];
    for (const jobId of accepted)
      if ((await platform.jobs.get({ owner: "local", jobId })) === undefined) lost.push(jobId);
    await close();
    return { accepted: accepted.length, lost };
  });

/** Submits `count` jobs that no cache can serve, and waits until they have ended. @returns how many ended how */
export const measureJobs = (
  count: number,
  workers: number,
  limitMs: number,
): Promise<Readonly<Record<string, number>>> =>
  withFolder(async (dataDir) => {
    const server = await LoadedServer.start(dataDir, workers);
    const { platform, close } = await openStore(dataDir);
    try {
      const ids: string[] = [];
      for (let index = 0; index < count; index += 1) {
        const params = { gapMs: index };
        ids.push(await server.submit({ kind: "stitch", inputs: [{ key: inputKey }, { key: inputKey }], params }));
      }
      for (const deadline = Date.now() + limitMs; ; ) {
        const jobs = await Promise.all(ids.map((jobId) => platform.jobs.get({ owner: "local", jobId })));
        const open = jobs.some((job) => job === undefined || !isTerminal(job.status));
        if (!open || Date.now() > deadline) {
          const ends: Record<string, number> = {};
          for (const job of jobs) ends[job?.status ?? "lost"] = (ends[job?.status ?? "lost"] ?? 0) + 1;
          return ends;
        }
        await sleep(1_000);
      }
    } finally {
      await close();
      await server.end("SIGINT");
    }
  });
