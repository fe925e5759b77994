import { openAsBlob } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type JobRequest, type MixdownClient, type PublicJob } from "../client/index.ts";
import { type EmbeddedConfig, readEmbeddedConfig } from "../config/embedded.ts";
import { buildHttpEnv, readHttpConfig } from "../config/http.ts";
import { type RemoteTarget, readRemoteTarget } from "../config/remote.ts";
import { MixdownError } from "../core/errors.ts";
import type { Measurement } from "../core/report.ts";
import { downloadOutput } from "./remote-run.ts";
import { contentTypeOf } from "./upload-input.ts";
import { findApiUrl, runPlatform } from "./wiring.ts";

const find = (name: string): string => fileURLToPath(new URL(`../assets/demo/${name}`, import.meta.url));
const sources = ["narration-1.flac", "narration-2.m4a"].map(find);
const bed = find("music-bed.opus");
const nameOf = (path: string): string => basename(path, extname(path));

/**
 * Cleans two noisy narrations, stitches them, and lays music under them, by jobs, over HTTP; prints what was measured.
 * At MIXDOWN_URL, else at the platform of the data folder, which is started when none runs.
 */
async function demo(print: (line: string) => void): Promise<void> {
  const config = readEmbeddedConfig();
  const stop = new AbortController();
  const { target, ended } = await startOrJoin(config, stop.signal, print);
  try {
    const client = createClient({ baseUrl: target.url, key: target.key });
    const jobs = await submitJobs(client);
    const finished: PublicJob[] = [];
    for (const { jobId } of jobs) finished.push(requireSuccess(await client.wait(jobId)));
    printTable(finished, print);
    const last = finished.at(-1);
    const result = last?.outputs[0];
    if (last === undefined || result === undefined) throw new Error("the demo's last job has no output");
    const path = join(config.dataDir, "demo", result.name);
    await mkdir(dirname(path), { recursive: true });
    // A copy of the user's own, there only when it is whole.
    await downloadOutput(client, last.jobId, result, `${path}.part`, stop.signal);
    await rename(`${path}.part`, path);
    print(
      `\nbefore  ${sources.join("\n        ")}\nafter   ${path}\n\nListen to them, e.g. with \`ffplay -autoexit ${path}\`.`,
    );
  } finally {
    stop.abort();
    await ended;
  }
}

/** Two clean jobs, the stitch that waits for both, the mix that waits for it: no result exists when they are submitted. */
async function submitJobs(client: MixdownClient): Promise<readonly PublicJob[]> {
  const send = (request: JobRequest) => client.submit(request);
  const upload = async (path: string): Promise<string> => {
    const contentType = contentTypeOf(path);
    return (await client.upload(await openAsBlob(path), { filename: basename(path), contentType })).key;
  };
  const cleaned: PublicJob[] = [];
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

function requireSuccess(job: PublicJob): PublicJob {
  if (job.status === "succeeded") return job;
  throw new Error(`${job.kind} ${job.jobId} ended as ${job.status}: ${job.error?.detail ?? ""}`);
}

function printTable(jobs: readonly PublicJob[], print: (line: string) => void): void {
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

/** The platform that is named, or works on the folder already; else one in this process. */
async function startOrJoin(
  config: EmbeddedConfig,
  signal: AbortSignal,
  print: (line: string) => void,
): Promise<{ readonly target: RemoteTarget; readonly ended: Promise<void> }> {
  const named = readRemoteTarget({}, { ambient: true });
  if (named !== null) return { target: named, ended: Promise.resolve() };
  const standing = findApiUrl(config);
  const joined = standing === null ? null : readRemoteTarget({ remote: standing }, { ambient: false });
  if (joined !== null) return { target: joined, ended: Promise.resolve() };
  const { promise: ready, resolve } = Promise.withResolvers<string>();
  const start = (flags: { readonly port?: number }): Promise<void> =>
    runPlatform({
      config,
      // This machine alone: the demo has no key.
      http: readHttpConfig(buildHttpEnv({ ...flags, host: "127.0.0.1" })),
      signal,
      onReady: ({ url }) => resolve(url ?? ""),
      onFault: (error) => print(String(error)),
    });
  const run = start({}).catch((error: unknown) => {
    // Another folder's platform has the usual port.
    if (error instanceof MixdownError && error.code === "usage_port_taken") return start({ port: 0 });
    throw error;
  });
  const url = await Promise.race([ready, run.then(() => "")]);
  return { target: { url, key: undefined }, ended: run };
}

demo((line) => process.stdout.write(`${line}\n`)).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
