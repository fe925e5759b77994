import { copyFile, mkdir, rm } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type EmbeddedConfig, readEmbeddedConfig } from "../config/embedded.ts";
import { MixdownError } from "../core/errors.ts";
import { isTerminal, type Job, type JobRef, type JobRequest } from "../core/job.ts";
import { rawKey } from "../core/object-keys.ts";
import { createId, type Platform } from "../core/platform.ts";
import type { Measurement } from "../core/report.ts";
import { submit } from "../core/submit.ts";
import { openEmbedded, runPlatform } from "./wiring.ts";

const find = (name: string): string => fileURLToPath(new URL(`../assets/demo/${name}`, import.meta.url));
const sources = ["narration-1.flac", "narration-2.m4a"].map(find);
const bed = find("music-bed.opus");
const nameOf = (path: string): string => basename(path, extname(path));

/** Cleans two noisy narrations, stitches them, and lays music under them, by jobs, here; prints what was measured. */
async function demo(print: (line: string) => void): Promise<void> {
  const config = readEmbeddedConfig();
  const stop = new AbortController();
  const running = await startOrJoin(config, stop.signal, print);
  const embedded = await openEmbedded(config);
  try {
    const jobs = await submitJobs(embedded.platform, config.defaultOwner);
    const ended: Job[] = [];
    for (const job of jobs) ended.push(await waitForEnd(embedded.platform, job));
    printTable(ended, print);
    const result = ended.at(-1)?.outputs[0];
    if (result === undefined) throw new Error("the demo's last job has no output");
    const path = join(config.dataDir, "demo", result.name);
    await saveAs(embedded.platform, result.key, path);
    print(
      `\nbefore  ${sources.join("\n        ")}\nafter   ${path}\n\nListen to them, e.g. with \`ffplay -autoexit ${path}\`.`,
    );
  } finally {
    stop.abort();
    await running.ended;
    await embedded.close();
  }
}

/** Two clean jobs, the stitch that waits for both, the mix that waits for it: no result exists when they are submitted. */
async function submitJobs(platform: Platform, owner: string): Promise<readonly Job[]> {
  const send = async (request: JobRequest) => (await submit(platform, request, { owner })).job;
  const upload = async (path: string): Promise<string> => {
    const key = rawKey(owner, createId(platform.clock), basename(path));
    await platform.objects.putFile(key, path, contentTypes[extname(path)] ?? "application/octet-stream");
    return key;
  };
  const cleaned: Job[] = [];
  for (const path of sources) {
    cleaned.push(await send({ kind: "clean", inputs: [{ key: await upload(path) }], params: { format: "wav" } }));
  }
  const inputs = cleaned.map(({ jobId }, index) => ({ jobId, output: `${nameOf(sources[index] ?? "")}.wav` }));
  const stitched = await send({ kind: "stitch", inputs, params: { gapMs: 400, format: "wav" } });
  const narration = { jobId: stitched.jobId, output: "stitched.wav", role: "narration" };
  const music = { key: await upload(bed), role: "music" };
  const params = { preRollSeconds: 3, postRollSeconds: 4, format: "mp3" };
  return [...cleaned, stitched, await send({ kind: "mix", inputs: [narration, music], params })];
}

const contentTypes: Readonly<Record<string, string>> = {
  ".flac": "audio/flac",
  ".m4a": "audio/mp4",
  ".opus": "audio/ogg",
};

async function waitForEnd(platform: Platform, ref: JobRef): Promise<Job> {
  for (;;) {
    const job = await platform.jobs.get(ref);
    if (job !== undefined && isTerminal(job.status)) {
      if (job.status === "succeeded") return job;
      throw new Error(`${job.kind} ${job.jobId} ended as ${job.status}: ${job.error?.detail ?? ""}`);
    }
    await sleep(50);
  }
}

function printTable(jobs: readonly Job[], print: (line: string) => void): void {
  const row = (...cells: string[]) => print(cells.map((cell, index) => cell.padEnd(index === 0 ? 34 : 12)).join(""));
  row("", "LUFS", "peak dBTP", "noise dBFS", "length s", "took s");
  for (const job of jobs) {
    const name = (index: number) => {
      const input = job.inputs[index];
      return input === undefined ? "" : "key" in input ? basename(input.key) : input.output;
    };
    for (const [index, before] of (job.report?.before ?? []).entries())
      row(`${job.kind}  before  ${name(index)}`, ...figures(before));
    const after = job.report?.after;
    const seconds = (Date.parse(job.finishedAt ?? "") - Date.parse(job.createdAt)) / 1_000;
    if (after != null)
      row(
        `${job.kind}  after   ${job.outputs[0]?.name ?? ""}`,
        ...figures(after),
        job.cached ? "cached" : seconds.toFixed(1),
      );
  }
}

const figure = (value: number | null): string => (value === null ? "–" : value.toFixed(1));
const figures = (at: Measurement): string[] =>
  [at.integratedLufs, at.truePeakDbtp, at.noiseFloorDbfs, at.durationSeconds].map(figure);

/** A copy of the user's own: the store's file is not to be touched. */
async function saveAs(platform: Platform, key: string, path: string): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  const link = `${path}.part`;
  await rm(link, { force: true });
  await platform.objects.getFile(key, link);
  await copyFile(link, path);
  await rm(link);
}

/** Starts the platform in this process, unless one works on the folder already. */
async function startOrJoin(
  config: EmbeddedConfig,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<{ ended: Promise<void> }> {
  const { promise: ready, resolve } = Promise.withResolvers<void>();
  const run = runPlatform({ config, signal, onReady: () => resolve(), onFault: (error) => print(String(error)) }).catch(
    (error: unknown) => {
      if (!(error instanceof MixdownError) || error.code !== "usage_store_locked") throw error;
    },
  );
  await Promise.race([ready, run]);
  return { ended: run };
}

demo((line) => process.stdout.write(`${line}\n`)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
