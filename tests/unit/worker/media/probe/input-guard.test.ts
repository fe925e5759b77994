import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { limits } from "../../../../../core/limits.ts";
import { createPcmGuard } from "../../../../../worker/media/pcm/pcm-guard.ts";
import { buildInputArgs } from "../../../../../worker/media/probe/input-args.ts";

const root = fileURLToPath(new URL("../../../../..", import.meta.url));
const rooms = ["adapters", "cli", "config", "core", "worker"];

/** Openings of what this program made itself, word for word; everything else goes through `buildInputArgs`. */
const ours = [
  // Pipes and scratch files that we fill.
  /\["-f", "f32le", "-ar", String\(sampleRateHz\), "-ac", String\(channels\), "-i", place\]/g,
  /"-f",\s*"(?:f32le|nut|mp3)"(?:,\s*"-a[rc]",\s*String\([^)]*\)|,\s*\.\.\.format)*,\s*"-i",\s*"pipe:0"/g,
  // The same with frames that our own parsers took out of a file.
  /\.\.\.codec\.decodeInputArgs,\s*"-i",\s*"pipe:0"/g,
  // The output, read back; the list of chapters, written for one run.
  /"-i",\s*`file:\$\{outPath\}`/g,
  /"-format_whitelist",\s*demuxer,\s*"-i",\s*`file:\$\{path\}`/g,
  /"-f",\s*"ffmetadata",\s*"-i",\s*`file:\$\{chapterFile\}`/g,
];

/** How often a module opens an input for ffmpeg or ffprobe without the guards. */
function countOpenings(source: string): number {
  const rest = ours.reduce((text, pattern) => text.replace(pattern, ""), source);
  return [...rest.matchAll(/["'`]-i["'`](?!\))/g)].length;
}

test("fails when a run of ffmpeg opens a file otherwise than by the guarded arguments", () => {
  const modules = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => `${room}/${path}`),
  );
  expect(modules).toContain("worker/media/probe/input-args.ts");
  const unguarded = modules.filter((path) => countOpenings(readFileSync(join(root, path), "utf8")) > 0);
  expect(unguarded).toEqual(["worker/media/probe/input-args.ts"]);
});

test.each([
  [`["-i", path]`, 1],
  [`[ "-f", "wav", "-i", "pipe:0"]`, 1],
  [`args.push('-i', path)`, 1],
  [`["-f", "nut", "-i", "pipe:0", "-map"]`, 0],
  [`["-f", "f32le", "-ar", String(rate), "-ac", String(count), "-i", "pipe:0"]`, 0],
  [`args.indexOf("-i") + 1`, 0],
])("fails when the search misreads %s", (source, count) => {
  expect(countOpenings(source)).toBe(count);
});

test("fails when a guard is missing, or stands behind the file it guards", () => {
  const args = buildInputArgs({ path: "/tmp/a:b.mp3", demuxers: ["mp3", "flac"] });
  expect(args.slice(-2)).toEqual(["-i", "file:/tmp/a:b.mp3"]);
  const after = (flag: string) => args[args.indexOf(flag) + 1];
  expect(after("-protocol_whitelist")).toBe("file,pipe");
  expect(after("-format_whitelist")).toBe("mp3,flac");
  expect(Number(after("-max_pixels"))).toBeGreaterThan(7_680 * 4_352);
});

const format = { name: "talk.wav", sampleRateHz: 48_000, channels: 2 };

test("fails when a sample that no recording has passes, or a loud one does not", () => {
  const guard = createPcmGuard(format);
  const samples = Float32Array.of(
    0.5,
    Number.NaN,
    -1,
    Number.POSITIVE_INFINITY,
    40,
    Number.NEGATIVE_INFINITY,
    -2e3,
    -0,
  );
  guard.check(samples);
  expect([...samples]).toEqual([0.5, 0, -1, 0, 40, 0, 0, -0]);
  expect(guard.silenced).toBe(4);
});

test("fails when a part of a larger array is checked beyond its bounds", () => {
  const whole = new Float32Array(6).fill(Number.NaN);
  createPcmGuard(format).check(whole.subarray(2, 4));
  expect([...whole].map(Number.isNaN)).toEqual([true, true, false, false, true, true]);
});

test("fails when an input may go on for longer than the limit", () => {
  const guard = createPcmGuard({ ...format, sampleRateHz: 1, channels: 2 });
  const day = new Float32Array(2 * limits.inputDurationSeconds);
  guard.check(day);
  expect(() => guard.check(new Float32Array(2))).toThrow(expect.objectContaining({ code: "limit_duration" }));
});
