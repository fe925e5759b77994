import { readFileSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { durationOf, ffmpeg, run, useFolder } from "./cli-fixtures.ts";

const folder = useFolder();
const cli = (args: readonly string[]) => run(args, { cwd: folder.dir });

test("fails when a file is not cleaned into the one that is named, with a table of before and after", async () => {
  folder.put("talk.mp3");
  const { code, stdout } = await cli(["clean", "talk.mp3", "-o", "better.wav"]);
  expect(code).toBe(0);
  expect(folder.list()).toEqual(["better.wav", "talk.mp3"]);
  expect(durationOf(folder.at("better.wav"))).toBeCloseTo(3, 2);
  expect(stdout).toMatch(/^talk\.mp3 → better\.wav \(/);
  expect(stdout).toMatch(/ before +after\nloudness +-?[\d.]+ LUFS +-16\.\d LUFS\n/);
});

test("fails when the document of --json lacks what is promised", async () => {
  folder.put("talk.wav");
  const { code, stdout, stderr } = await cli(["clean", "talk.wav", "-o", "out.mp3", "--json", "--quiet"]);
  expect([code, stderr]).toEqual([0, ""]);
  const document = JSON.parse(stdout);
  expect(document.status).toBe("succeeded");
  expect(document.outputs).toEqual([
    {
      path: "out.mp3",
      contentType: "audio/mpeg",
      durationSeconds: expect.closeTo(3, 1),
      sizeBytes: statSync(folder.at("out.mp3")).size,
    },
  ]);
  expect(document.report.before.integratedLufs).toBeLessThan(0);
  expect(document.report.after.integratedLufs).toBeCloseTo(-16, 0);
  expect(document.report.after.truePeakDbtp).toBeLessThanOrEqual(-1);
  expect(document.engine.steps.length).toBeGreaterThan(0);
  expect(document).not.toHaveProperty("error");
});

test("fails when digital silence is not cleaned to silence, with a warning", async () => {
  ffmpeg("-f", "lavfi", "-i", "anullsrc=r=48000:cl=mono", "-t", "1", folder.at("silence.wav"));
  const { code, stdout } = await cli(["clean", "silence.wav", "-o", "out.wav", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).warnings.length).toBeGreaterThan(0);
  expect(durationOf(folder.at("out.wav"))).toBeCloseTo(1, 2);
});

test("fails when a video's picture is lost", async () => {
  ffmpeg(
    ...["-f", "lavfi", "-i", "testsrc=d=2:s=128x96:r=10", "-f", "lavfi", "-i", "sine=d=2", "-pix_fmt", "yuv420p"],
    folder.at("talk.mp4"),
  );
  const { code } = await cli(["clean", "talk.mp4", "-o", "out.mp4"]);
  expect(code).toBe(0);
  const { stdout } = await cli(["probe", "out.mp4"]);
  expect(stdout).toMatch(/^audio \d +aac/m);
  expect(stdout).toMatch(/^video \d +h264, 128×96, 10 fps/m);
});

test("fails when stitch loses an input or a gap", async () => {
  folder.put("talk.wav");
  folder.put("talk.mp3");
  const { code, stdout } = await cli([
    "stitch",
    "talk.wav",
    "talk.mp3",
    "talk.wav",
    "-o",
    "all.flac",
    "--gap-ms",
    "500",
    "--json",
  ]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).report.before).toHaveLength(3);
  expect(durationOf(folder.at("all.flac"))).toBeCloseTo(10, 2);
});

test("fails when peaks are not audiowaveform's, as JSON and as bytes", async () => {
  folder.put("talk.wav");
  expect((await cli(["peaks", "talk.wav", "-o", "talk.json"])).code).toBe(0);
  expect(JSON.parse(readFileSync(folder.at("talk.json"), "utf8"))).toMatchObject({
    version: 2,
    channels: 1,
    sample_rate: 44_100,
    samples_per_pixel: 256,
    bits: 8,
    length: Math.ceil((3 * 44_100) / 256),
  });
  expect((await cli(["peaks", "talk.wav", "-o", "talk.dat", "--bits", "16", "--samples-per-pixel", "441"])).code).toBe(
    0,
  );
  const bytes = readFileSync(folder.at("talk.dat"));
  expect([bytes.readInt32LE(0), bytes.readInt32LE(12), bytes.length]).toEqual([2, 441, 24 + 300 * 4]);
});

test("fails when a mix lacks its music, or its roll", async () => {
  folder.put("talk.wav");
  ffmpeg("-f", "lavfi", "-i", "sine=f=110:d=2", folder.at("bed.mp3"));
  const args = ["mix", "talk.wav", "--music", "bed.mp3", "-o", "both.flac", "--pre-roll", "1", "--post-roll", "0.5"];
  expect((await cli(args)).code).toBe(0);
  expect(durationOf(folder.at("both.flac"))).toBeCloseTo(4.5, 2);
  expect(await cli(["mix", "talk.wav", "-o", "x.wav"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--music"),
  });
  expect((await cli(["mix", "talk.wav", "--music", "bed.mp3", "-o", "bed.mp3"])).code).toBe(2);
});
