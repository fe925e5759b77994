import { expect, test } from "vitest";
import type { Report } from "../../core/report.ts";
import { decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";
import { findPulse, writePulses } from "./stitch-fixtures.ts";
import { runStitchTree, type ScaleRun } from "./stitch-tree.ts";

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

async function stitchMany(count: number, params: object, given?: readonly string[]): Promise<ScaleRun> {
  const files = given ?? (await writeAll());
  const paths = Array.from({ length: count }, (_, index) => files[index % files.length] ?? "");
  return runStitchTree(fixtures.dir, paths, params);
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
