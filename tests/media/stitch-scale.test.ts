import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { expect, onTestFinished, test } from "vitest";
import type { Report } from "../../core/report.ts";
import { decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";
import { findPulse, writePulses } from "./stitch-fixtures.ts";

// Takes a minute and a half: 500 inputs are 1,000 processes, one after another.
const fixtures = useMediaFixtures();

const kinds = ["wav", "mp3", "m4a", "flac", "ogg"] as const;
const rates = [44_100, 48_000, 22_050, 16_000] as const;
/** Twenty kinds of file, each of an odd length of about 0.15 s. */
const specs = kinds.flatMap((extension, column) =>
  rates.map((sampleRateHz, row) => ({
    extension,
    sampleRateHz,
    channels: 1 + ((row + column) % 2),
    length: Math.round(sampleRateHz * 0.15) + 37 * column + 11 * row + 1,
  })),
);
/** Every rate divides it: times are whole numbers. */
const ticksPerSecond = 7_056_000;
const ticksOf = (index: number): number => {
  const spec = specs[index % specs.length];
  return spec === undefined ? Number.NaN : (spec.length * ticksPerSecond) / spec.sampleRateHz;
};

let written: Promise<string[]> | undefined;
function writeAll(): Promise<string[]> {
  written ??= Promise.all(
    specs.map(async ({ extension, ...format }, index) => {
      const path = fixtures.file(`part-${index}.${extension}`);
      await writePulses(path, format, ...(extension === "ogg" ? ["-c:a", "libvorbis"] : []));
      return path;
    }),
  );
  return written;
}

interface ScaleRun {
  readonly report: Report;
  /** Of the whole tree. */
  readonly cpuSeconds: number;
  /** Largest memory of the process tree, shared pages counted once, MiB. */
  readonly peakMebibytes: number;
  readonly mostProcesses: number;
}

async function stitchMany(count: number, params: object, given?: readonly string[]): Promise<ScaleRun> {
  const files = given ?? (await writeAll());
  const paths = Array.from({ length: count }, (_, index) => files[index % files.length] ?? "");
  const script = new URL("./stitch-child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, fixtures.dir, JSON.stringify(paths), JSON.stringify(params)]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const [stdout, stderr]: Buffer[][] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => stdout?.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr?.push(chunk));
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  let peakKibibytes = 0;
  let mostProcesses = 0;
  let running = true;
  const sampling = (async () => {
    while (running) {
      const tree = await listTree(child.pid ?? 0);
      const sizes = await Promise.all(tree.map(readPss));
      peakKibibytes = Math.max(
        peakKibibytes,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      mostProcesses = Math.max(mostProcesses, tree.length);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  })();
  const code = await closed;
  running = false;
  await sampling;
  if (code !== 0) throw new Error(Buffer.concat(stderr ?? []).toString());
  const { report, cpuSeconds } = JSON.parse(Buffer.concat(stdout ?? []).toString()) as ScaleRun;
  return { report, cpuSeconds, mostProcesses, peakMebibytes: peakKibibytes / 1024 };
}

async function listTree(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const below = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map((child) => listTree(Number(child))),
  );
  return [pid, ...below.flat()];
}

/** Proportional set size: a page that four ffmpegs share counts a quarter for each. */
async function readPss(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
}

/** Every position, the whole length and the very last pulse, against whole-number arithmetic. */
async function expectExact(report: Report, format: string, stepTicks: number): Promise<void> {
  let ticks = 0;
  const count = report.join?.pieces.length ?? 0;
  for (let index = 0; index < count; index++) {
    const start = report.join?.pieces[index]?.startSeconds ?? Number.NaN;
    expect(Math.abs(start - ticks / ticksPerSecond) * 48_000).toBeLessThan(0.501);
    ticks += ticksOf(index) + (index < count - 1 ? stepTicks : 0);
  }
  const seconds = ticks / ticksPerSecond;
  expect(Math.abs(report.join?.driftMs ?? Number.NaN)).toBeLessThan(0.0105);
  const joined = await decode(fixtures.file(`stitched.${format}`), "-ac", "1");
  expect(Math.abs(joined.length - seconds * 48_000)).toBeLessThan(0.501);
  const last = seconds - 0.05;
  expect(Math.abs(findPulse(joined, 48_000, last) - last) * 1000).toBeLessThan(0.03);
}

test("fails when 500 mixed files drift by a sample, or need 200 MB or more processes than 24", {
  timeout: 600_000,
}, async () => {
  const { report, peakMebibytes, mostProcesses } = await stitchMany(500, { format: "wav" });
  expect(report.join?.pieces.length).toBe(500);
  await expectExact(report, "wav", 0);
  expect(peakMebibytes).toBeLessThan(200);
  // Ourselves, encoder, its verifier, and two decoders at a time.
  expect(mostProcesses).toBeLessThanOrEqual(6);
});

test("fails when four times as many crossfades drift, or cost more than their share", {
  timeout: 600_000,
}, async () => {
  const params = { format: "mp3", crossfadeMs: 10 };
  const few = await stitchMany(40, params);
  await expectExact(few.report, "mp3", -ticksPerSecond / 100);
  const many = await stitchMany(160, params);
  await expectExact(many.report, "mp3", -ticksPerSecond / 100);
  expect(many.peakMebibytes).toBeLessThan(200);
  expect(many.cpuSeconds / few.cpuSeconds).toBeLessThan(4.4);
});

test("fails when the length of the inputs is felt in memory", { timeout: 600_000 }, async () => {
  const path = fixtures.file("long.flac");
  const source = ["-f", "lavfi", "-i", "anoisesrc=r=48000:a=0.3:d=120", "-ac", "2"];
  await ffmpeg("-v", "error", ...source, path);
  const { peakMebibytes, report } = await stitchMany(10, { format: "wav" }, [path]);
  expect(report.after?.durationSeconds).toBe(1_200);
  expect(peakMebibytes).toBeLessThan(200);
});
