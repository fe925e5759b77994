import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { probeMedia } from "../../worker/media/probe/probe.ts";
import { parsePeaksJson } from "../../worker/media/waveform/peaks-file.ts";
import { makePeaks } from "../../worker/recipes/peaks.ts";
import { ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";
import { noise, readSamples, runStitch, writeNoise } from "./stitch-fixtures.ts";
import { listTree } from "./stitch-tree.ts";

const fixtures = useMediaFixtures();
const stitched = (format: string): string => fixtures.file(`stitched.${format}`);
const run = (paths: readonly string[], params: Parameters<typeof runStitch>[3] = {}, context = {}) =>
  runStitch(fixtures.toolchain, fixtures.dir, paths, params, context);

describe("loudness", () => {
  const words = "The river runs between the hills and nobody counts the boats that pass in the early morning light.";

  test("fails when matched inputs differ by half a LU, or a true peak passes -1 dBTP", async () => {
    const paths = ["loud.wav", "quiet.flac", "mono.mp3"].map((name) => fixtures.file(name));
    await speak(words, paths[0] ?? "", 44_100, "-af", "volume=-2dB", "-ac", "2");
    await speak(words, paths[1] ?? "", 48_000, "-af", "volume=-14dB", "-ac", "2");
    await speak(words, paths[2] ?? "", 22_050, "-af", "volume=-9dB");
    const { report, warnings } = await run(paths, { matchLoudness: true, format: "wav" });
    expect(warnings).toEqual([]);
    const measured: number[] = [];
    for (const { startSeconds, durationSeconds } of report.join?.pieces ?? []) {
      const log = await ffmpeg(
        "-ss",
        `${startSeconds}`,
        "-t",
        `${durationSeconds}`,
        "-i",
        stitched("wav"),
        "-af",
        "ebur128=framelog=verbose",
        "-f",
        "null",
        "-",
      );
      measured.push(Number(/I:\s+(\S+) LUFS/.exec(log)?.[1]));
    }
    expect(Math.max(...measured) - Math.min(...measured)).toBeLessThan(0.5);
    expect(report.after?.truePeakDbtp).toBeLessThan(-0.9);
    expect(report.join?.pieces.map((piece) => Math.sign(piece.gainDb))).toEqual([-1, 1, expect.anything()]);
    // The whole is as loud as the inputs' mean.
    expect(report.before.map((entry) => entry.integratedLufs)).not.toContain(null);
  });

  test("fails when an input whose peaks leave no room is raised over it, or not named", async () => {
    const spiky = fixtures.file("spiky.wav");
    const loud = fixtures.file("loud-tone.wav");
    const source = "aevalsrc=0.01*sin(2*PI*300*t)+if(eq(mod(n\\,22050)\\,11000)\\,0.6\\,0):s=44100:d=4";
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", source, spiky);
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", "aevalsrc=0.4*sin(2*PI*300*t):s=44100:d=4", loud);
    const { report, warnings } = await run([spiky, loud], { matchLoudness: true, format: "wav" });
    expect(warnings.map((warning) => warning.code)).toEqual(["loudness_not_matched"]);
    expect(warnings[0]?.detail).toContain("spiky.wav");
    const [before] = report.before;
    expect((before?.truePeakDbtp ?? 0) + (report.join?.pieces[0]?.gainDb ?? 0)).toBeLessThan(-0.999);
  });

  test("fails when mono loses 3 dB beside stereo", async () => {
    const mono = await writeNoise(fixtures, "mono.wav", noise(20_000, 4), 1);
    const stereo = await writeNoise(fixtures, "stereo.wav", noise(20_000, 5), 2);
    await run([mono, stereo], { format: "wav" });
    const joined = await readSamples(stitched("wav"));
    const expected = [...noise(20_000, 4)].flatMap((value) => [value, value]);
    expect([...joined.subarray(0, 40_000)]).toEqual(expected);
  });

  test("fails when the inputs are not measured as they are", async () => {
    const path = fixtures.file("tone.flac");
    // A sine of -20 dBFS in one channel reads -23.0 LUFS; 997 Hz is where the weighting is 0 dB (BS.1770-4).
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", "aevalsrc=0.1*sin(2*PI*997*t):s=44100:d=3", path);
    const { report } = await run([path, path], { format: "wav" });
    for (const before of report.before) {
      expect(before.integratedLufs).toBeCloseTo(-23, 0);
      expect(before).toMatchObject({ codec: "flac", channels: 1, sampleRateHz: 44_100, durationSeconds: 3 });
      expect(Math.abs((before.truePeakDbtp ?? 0) + 20)).toBeLessThan(0.3);
    }
    expect(report.after?.integratedLufs).toBeCloseTo(-23, 0);
  });

  test("fails when an input of more channels than the output is measured as it will be mixed down", async () => {
    const path = fixtures.file("surround.flac");
    // The same tone in all six: 997 Hz at -20 dBFS peak, -23 LUFS in each front channel, the rear ones weigh 1.5 dB more.
    const tone = Array.from({ length: 6 }, () => "0.1*sin(2*PI*997*t)").join("|");
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", `aevalsrc='${tone}':c=5.1:s=48000:d=3`, path);
    const { report } = await run([path], { format: "mp3" });
    // BS.1770-4: three front channels of weight 1, two of 1.41, none for the low end.
    expect(report.before[0]?.integratedLufs).toBeCloseTo(-23 + 10 * Math.log10(3 + 2 * 1.41), 0);
    expect(report.before[0]).toMatchObject({ channels: 6 });
  });

  test("fails when samples above full scale are clipped without a word", async () => {
    const path = fixtures.file("hot.wav");
    await ffmpeg(
      "-v",
      "error",
      "-f",
      "lavfi",
      "-i",
      "aevalsrc=1.5*sin(2*PI*300*t):s=44100:d=0.5",
      "-c:a",
      "pcm_f32le",
      path,
    );
    const { warnings } = await run([path], { format: "flac" });
    expect(warnings).toEqual([
      { code: "samples_above_full_scale", detail: expect.stringMatching(/3\.5\d dB.*were clipped/) },
    ]);
    expect((await run([path], { format: "wav" })).warnings).toEqual([]);
  });
});

describe("the output", () => {
  test("fails when the fast way is promised to what it cannot join, and the reason is not told", async () => {
    const path = await writeNoise(fixtures, "one.wav", noise(5_000, 1), 1);
    const { report, warnings } = await run([path, path], { join: "fast" });
    expect(warnings.map((warning) => warning.code)).toEqual(["fast_join_unavailable"]);
    expect(report.join).toMatchObject({ way: "exact", reason: expect.stringContaining("one.wav") });
  });

  test("fails when format, bit rate or tags of the first input are lost", async () => {
    const path = fixtures.file("tagged.mp3");
    const tone = ["-f", "lavfi", "-i", "sine=r=44100:d=1"];
    await ffmpeg("-v", "error", ...tone, "-b:a", "192k", "-metadata", "title=One; two", "-metadata", "artist=É", path);
    const { outputs } = await run([path, path]);
    expect(outputs[0]).toMatchObject({ name: "stitched.mp3", contentType: "audio/mpeg" });
    const media = await probeMedia(fixtures.toolchain, outputs[0]?.path ?? "", "out");
    expect(media.tags).toMatchObject({ title: "One; two", artist: "É" });
    expect(Math.abs((media.audio[0]?.bitRate ?? 0) / 192_000 - 1)).toBeLessThan(0.01);
  });

  test.each(["wav", "mp3"] as const)(
    "fails when the peaks of %s are not those of the finished file",
    async (format) => {
      const paths = await Promise.all(
        [20_000, 33_333].map((n, at) => writeNoise(fixtures, `peak-${at}.wav`, noise(2 * n, at), 2)),
      );
      const { outputs } = await run(paths, { format }, { peaks: true });
      expect(outputs.map((output) => output.name)).toEqual([`stitched.${format}`, "peaks.json", "peaks.dat"]);
      const peaks = parsePeaksJson(await readFile(fixtures.file("peaks.json"), "utf8"));
      const context = { toolchain: fixtures.toolchain, signal: new AbortController().signal };
      const expected = await makePeaks(context, { samplesPerPixel: 256, bits: 8 }, stitched(format));
      expect(peaks.length).toBe(Math.ceil(53_333 / 256));
      expect(peaks.length).toBe(expected.length);
      for (const [at, value] of expected.data.entries())
        expect(Math.abs((peaks.data[at] ?? 999) - value)).toBeLessThanOrEqual(1);
      expect((await readFile(fixtures.file("peaks.dat"))).length).toBe(24 + 2 * peaks.length);
    },
  );

  test("fails when a step cannot be run again with other paths", async () => {
    const path = await writeNoise(fixtures, "steps.wav", noise(5_000, 1), 1);
    const { steps } = await run([path, path], { format: "wav" });
    const words = steps.flatMap((step) => step.argv);
    expect(words.filter((word) => word.includes(fixtures.dir))).toEqual([]);
    expect(words).toEqual(expect.arrayContaining(["{in0}", "{in1}", expect.stringMatching(/\]\{out\}\|/)]));
  });

  test("fails when progress goes back, or does not reach the end", async () => {
    const paths = await Promise.all(
      [20_000, 33_333].map((n, at) => writeNoise(fixtures, `go-${at}.wav`, noise(n, at), 1)),
    );
    const seen: number[] = [];
    await run(paths, { matchLoudness: true }, { onProgress: (_: string, percent: number) => seen.push(percent) });
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(100);
  });

  test("fails when an abort in the middle leaves a decoder or waits for the end", async () => {
    const long = fixtures.file("long.wav");
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", "anoisesrc=r=48000:d=600", "-ac", "2", long);
    const controller = new AbortController();
    const onProgress = (phase: string, percent: number) => {
      if (phase === "processing" && percent > 5) controller.abort(new Error("enough"));
    };
    const failing = run([long, long, long], { format: "mp3" }, { signal: controller.signal, onProgress });
    await expect(failing).rejects.toThrow("enough");
    expect(await listDescendants("ffmpeg", fixtures.dir)).toEqual([]);
  });
});

/** Command lines of our own descendants that run `name` on something of ours. */
async function listDescendants(name: string, about: string): Promise<string[]> {
  const [, ...below] = await listTree(process.pid);
  const lines = await Promise.all(
    below.map(async (pid) => (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ")),
  );
  return lines.filter((line) => line.includes(name) && line.includes(about));
}
