/**
 * Load on the HTTP API, by hand and not in CI: `npm run test:load -- [--seconds 60] [--rate 500] [--kills 50]`.
 * First submits and gets, half each, on a platform that accepts only (no workers, no limiter): p99, errors, memory.
 * Then kill -9 again and again under submits: whatever was answered 202 must be in the store.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { openEmbedded } from "../../cli/wiring.ts";
import { readEmbeddedConfig } from "../../config/embedded.ts";

const run = promisify(execFile);
const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
const autocannon = createRequire(import.meta.url).resolve("autocannon/autocannon.js");
const inputKey = "raw/local/load/talk.wav";
const jobBody = JSON.stringify({ kind: "clean", inputs: [{ key: inputKey }] });

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    rate: { type: "string", default: "500" },
    kills: { type: "string", default: "50" },
  },
});

/** What autocannon measures, milliseconds; late answers count from when they should have been asked for. */
interface Measured {
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number };
  readonly requests: { readonly total: number };
  readonly non2xx: number;
  readonly errors: number;
}

const dataDir = mkdtempSync(join(tmpdir(), "mixdown-load-"));
let server: ChildProcess | null = null;

async function startServer(): Promise<{ readonly url: string; readonly pid: number }> {
  const child = spawn(
    process.execPath,
    [main, "dev", "--json", "--data", dataDir, "--workers", "0", "--port", "0", "--host", "127.0.0.1"],
    { env: { ...process.env, MIXDOWN_REQUESTS_PER_SECOND: "0" }, stdio: ["ignore", "pipe", "inherit"] },
  );
  server = child;
  let text = "";
  for await (const chunk of child.stdout.setEncoding("utf8")) {
    text += chunk;
    if (text.includes("\n")) return JSON.parse(text);
  }
  throw new Error("the platform ended before it was ready");
}

async function killServer(): Promise<void> {
  if (server === null || server.exitCode !== null || server.signalCode !== null) return;
  server.kill("SIGKILL");
  await once(server, "exit");
}

async function submitOne(url: string): Promise<string> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/v1/jobs`, { method: "POST", headers, body: jobBody });
  if (response.status !== 202) throw new Error(`a submit was answered ${response.status}: ${await response.text()}`);
  return ((await response.json()) as { jobId: string }).jobId;
}

const fire = async (args: readonly string[], rate: number, seconds: number): Promise<Measured> => {
  const common = ["--json", "--no-progress", "-c", "20", "-R", String(rate), "-d", String(seconds)];
  const { stdout } = await run(process.execPath, [autocannon, ...common, ...args], { maxBuffer: 1024 ** 3 });
  return JSON.parse(stdout) as Measured;
};

/** Resident memory, MB. */
const readMemory = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0") / 1024;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, one) => sum + one, 0) / Math.max(1, numbers.length);

async function measureLoad(seconds: number, rate: number): Promise<void> {
  const { url, pid } = await startServer();
  const jobId = await submitOne(url);
  const memory: number[] = [];
  const sampling = setInterval(() => memory.push(readMemory(pid)), 500);
  const post = ["-m", "POST", "-H", "content-type=application/json", "-b", jobBody, `${url}/v1/jobs`];
  const measured = await Promise.all([
    fire(post, rate / 2, seconds),
    fire([`${url}/v1/jobs/${jobId}`], rate / 2, seconds),
  ]);
  clearInterval(sampling);
  for (const [index, name] of ["submits", "gets"].entries()) {
    const { latency, requests, non2xx, errors } = measured[index] as Measured;
    print(
      `${name}: ${requests.total} (${(requests.total / seconds).toFixed(0)}/s), p50 ${latency.p50} ms, p99 ${latency.p99} ms, max ${latency.max} ms, not 2xx ${non2xx}, errors ${errors}`,
    );
  }
  const quarter = Math.ceil(memory.length / 4);
  const [early, late] = [mean(memory.slice(quarter, 2 * quarter)), mean(memory.slice(-quarter))];
  print(
    `memory: ${early.toFixed(0)} MB in the second quarter, ${late.toFixed(0)} MB in the last, most ${Math.max(...memory).toFixed(0)} MB`,
  );
  await killServer();
}

/** Kills the platform `kills` times under eight callers who submit as fast as they are answered. */
async function measureKills(kills: number): Promise<void> {
  const accepted: string[] = [];
  for (let kill = 0; kill < kills; kill += 1) {
    const { url } = await startServer();
    const callers = Promise.allSettled(
      Array.from({ length: 8 }, async () => {
        for (;;) accepted.push(await submitOne(url));
      }),
    );
    await sleep(100 + Math.random() * 400);
    await killServer();
    await callers;
  }
  const { platform, close } = await openEmbedded(readEmbeddedConfig({ MIXDOWN_DATA: dataDir }));
  const lost = [];
  for (const jobId of accepted)
    if ((await platform.jobs.get({ owner: "local", jobId })) === undefined) lost.push(jobId);
  await close();
  print(`kills: ${kills}, answered 202: ${accepted.length}, not in the store: ${lost.length}`);
  if (lost.length > 0) process.exitCode = 1;
}

try {
  const { platform, close } = await openEmbedded(readEmbeddedConfig({ MIXDOWN_DATA: dataDir }));
  await platform.objects.putFile(inputKey, main, "audio/wav");
  await close();
  if (Number(values.seconds) > 0) await measureLoad(Number(values.seconds), Number(values.rate));
  if (Number(values.kills) > 0) await measureKills(Number(values.kills));
} finally {
  await killServer();
  rmSync(dataDir, { recursive: true, force: true });
}
