import { readFile, truncate, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { parsePeaksJson } from "../../worker/media/peaks.ts";
import { probeMedia } from "../../worker/media/probe.ts";
import { makePeaks } from "../../worker/recipes/peaks.ts";
import { decode, ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";
import { findPulse, pulsePlaces, runStitch, writePulses } from "./stitch-fixtures.ts";

const fixtures = useMediaFixtures();
const stitched = (format: string): string => fixtures.file(`stitched.${format}`);
const run = (paths: readonly string[], params: Parameters<typeof runStitch>[3] = {}, context = {}) =>
  runStitch(fixtures.toolchain, fixtures.dir, paths, params, context);

/** 16-bit samples, each of its own value within the file and unlike those of the others. */
const noise = (length: number, seed: number): Int16Array =>
  Int16Array.from({ length }, (_, at) => ((Math.imul(at + 1, 2_654_435_761) ^ Math.imul(seed, 40_503)) >> 12) % 30_000);

async function writeNoise(name: string, samples: Int16Array, channels: number, rate = 44_100): Promise<string> {
  const raw = fixtures.file(`${name}.s16`);
  await writeFile(raw, Buffer.from(samples.buffer));
  const path = fixtures.file(name);
  await ffmpeg("-v", "error", "-f", "s16le", "-ar", `${rate}`, "-ac", `${channels}`, "-i", raw, path);
  return path;
}

async function readSamples(path: string): Promise<Int16Array> {
  return Int16Array.from(await decode(path), (value) => Math.round(value * 32_768));
}

describe("lossless inputs of one rate", () => {
  test.each([
    { channels: 1, format: "wav" as const },
    { channels: 2, format: "wav" as const },
    { channels: 2, format: "flac" as const },
  ])(
    "fails when $format of $channels channels is not their concatenation, bit for bit",
    async ({ channels, format }) => {
      const parts = [30_001, 1, 4_411, 88_888].map((frames, seed) => noise(frames * channels, seed));
      const names = ["a.wav", "b.wav", "c.flac", "d.wav"].map((name) => `${channels}${format}-${name}`);
      const paths = await Promise.all(parts.map((part, at) => writeNoise(names[at] ?? "", part, channels)));
      const { report, outputs } = await run(paths, { format });
      const expected = parts.flatMap((part) => [...part]);
      const joined = await readSamples(stitched(format));
      expect(joined.length).toBe(expected.length);
      expect(joined.findIndex((value, at) => value !== expected[at])).toBe(-1);
      expect(report.join?.driftMs).toBe(0);
      expect(report.join?.pieces.map((piece) => piece.startSeconds * 44_100)).toEqual([0, 30_001, 30_002, 34_413]);
      expect(outputs[0]?.durationSeconds).toBe(expected.length / channels / 44_100);
    },
  );

  test("fails when a gap is not silence of the very length", async () => {
    const parts = [noise(5_000, 1), noise(6_000, 2)];
    const paths = await Promise.all(parts.map((part, at) => writeNoise(`gap-${at}.wav`, part, 1)));
    const { report } = await run(paths, { gapMs: 123.4, format: "wav" });
    const joined = await readSamples(stitched("wav"));
    const gap = Math.round(0.1234 * 44_100);
    expect(joined.length).toBe(11_000 + gap);
    expect(joined.subarray(0, 5_000)).toEqual(parts[0]);
    expect(joined.subarray(5_000, 5_000 + gap).every((value) => value === 0)).toBe(true);
    expect(joined.subarray(5_000 + gap)).toEqual(parts[1]);
    expect(Math.abs(report.join?.driftMs ?? Number.NaN)).toBeLessThan(0.012);
  });

  test("fails when a crossfade is not the linear mix of its neighbours, or touches what lies outside", async () => {
    const parts = [noise(20_000, 1), noise(21_000, 2), noise(22_000, 3)];
    const paths = await Promise.all(parts.map((part, at) => writeNoise(`fade-${at}.wav`, part, 1)));
    await run(paths, { crossfadeMs: 100, format: "wav" });
    const joined = await readSamples(stitched("wav"));
    const [a = [], b = [], c = []] = parts.map((part) => [...part]);
    const fade = (from: number[], to: number[]) =>
      to.map((value, at) => (from[at] ?? 0) * (1 - (at + 0.5) / 4_410) + value * ((at + 0.5) / 4_410));
    const expected = [
      ...a.slice(0, -4_410),
      ...fade(a.slice(-4_410), b.slice(0, 4_410)),
      ...b.slice(4_410, -4_410),
      ...fade(b.slice(-4_410), c.slice(0, 4_410)),
      ...c.slice(4_410),
    ];
    expect(joined.length).toBe(63_000 - 2 * 4_410);
    expect(joined.findIndex((value, at) => Math.abs(value - (expected[at] ?? Number.NaN)) > 0.51)).toBe(-1);
  });

  test("fails when a crossfade longer than a short neighbour is not shortened and told", async () => {
    const paths = await Promise.all(
      [44_100, 4_410, 44_100].map((n, at) => writeNoise(`short-${at}.wav`, noise(n, at), 1)),
    );
    const { warnings, report } = await run(paths, { crossfadeMs: 500, format: "wav" });
    expect(warnings.map((warning) => warning.code)).toEqual(["crossfade_shortened"]);
    expect(warnings[0]?.detail).toMatch(/^2 of 2 crossfades .* short-1\.wav, the shortest 50\.0 ms/);
    expect(report.join?.pieces.map((piece) => piece.startSeconds)).toEqual([0, 0.95, 1]);
    expect((await readSamples(stitched("wav"))).length).toBe(44_100 * 2);
  });
});

describe("24 mixed files", () => {
  const kinds = [
    { extension: "wav", args: [] },
    { extension: "mp3", args: ["-b:a", "128k"] },
    { extension: "m4a", args: ["-b:a", "128k"] },
    { extension: "opus", args: ["-b:a", "96k"] },
    { extension: "flac", args: [] },
    { extension: "ogg", args: ["-c:a", "libvorbis", "-q:a", "6"] },
  ] as const;
  const rates = [44_100, 48_000, 22_050, 16_000] as const;
  const specs = rates.flatMap((rate, row) =>
    kinds.map(({ extension, args }, column) => ({
      extension,
      args,
      // Opus knows 48 kHz only.
      sampleRateHz: extension === "opus" ? 48_000 : rate,
      channels: 1 + ((row + column) % 2),
      length: Math.round(rate * 0.4) + 997 * column + 131 * row,
    })),
  );

  let written: Promise<string[]> | undefined;
  const writeAll = (): Promise<string[]> => {
    written ??= Promise.all(
      specs.map(async ({ extension, args, ...format }, index) => {
        const path = fixtures.file(`mixed-${index}.${extension}`);
        await writePulses(path, format, ...args);
        return path;
      }),
    );
    return written;
  };

  test.each([
    { params: {}, step: 0 },
    { params: { gapMs: 33.3 }, step: 0.0333 },
    { params: { crossfadeMs: 20 }, step: -0.02 },
  ])(
    "fails when a join lies off its place by half a sample more than the codec's own, with $params",
    async ({ params, step }) => {
      const paths = await writeAll();
      const { report, warnings } = await run(paths, { ...params, format: "wav" });
      expect(warnings).toEqual([]);
      expect(report.after).toMatchObject({ sampleRateHz: 48_000, channels: 2 });
      const joined = await decode(stitched("wav"), "-ac", "1");
      let start = 0;
      const errors: number[] = [];
      for (const [index, { sampleRateHz, length }] of specs.entries()) {
        expect(Math.abs((report.join?.pieces[index]?.startSeconds ?? Number.NaN) - start) * 48_000).toBeLessThan(0.501);
        for (const place of pulsePlaces(sampleRateHz, length)) {
          const expected = start + place / sampleRateHz;
          errors.push((findPulse(joined, 48_000, expected) - expected) * 48_000);
        }
        start += length / sampleRateHz + step;
      }
      expect(errors.length).toBe(48);
      // Half a sample for the grid of the output; a tenth of one for what a codec does to a pulse.
      for (const error of errors) expect(Math.abs(error)).toBeLessThan(0.6);
      expect(Math.abs(joined.length - (start - step) * 48_000)).toBeLessThan(0.501);
      expect(Math.abs(report.join?.driftMs ?? Number.NaN)).toBeLessThan(0.0105);
    },
  );

  test.each(["mp3", "m4a", "opus", "flac"] as const)("fails when %s drifts by a millisecond", async (format) => {
    const paths = await writeAll();
    const { report, outputs } = await run(paths, { format });
    expect(Math.abs(report.join?.driftMs ?? Number.NaN)).toBeLessThan(0.03);
    const seconds = specs.reduce((sum, { length, sampleRateHz }) => sum + length / sampleRateHz, 0);
    const joined = await decode(stitched(format), "-ac", "1");
    const last = specs.at(-1);
    const place = seconds - (last?.length ?? 0) / (last?.sampleRateHz ?? 1) + 0.05;
    expect(Math.abs(findPulse(joined, 48_000, place) - place) * 1000).toBeLessThan(0.03);
    expect(Math.abs((outputs[0]?.durationSeconds ?? 0) - seconds) * 1000).toBeLessThan(0.03);
  });
});

describe("files whose container counts nothing", () => {
  test("fails when their decoded length is not what the next one follows", async () => {
    const format = { sampleRateHz: 44_100, channels: 1, length: 30_000 };
    const paths = ["a.aac", "b.mp3", "c.aac", "d.mp3"].map((name) => fixtures.file(name));
    for (const path of paths)
      await writePulses(path, format, "-b:a", "96k", ...(path.endsWith("mp3") ? ["-write_xing", "0"] : []));
    const ender = fixtures.file("end.wav");
    await writePulses(ender, { sampleRateHz: 48_000, channels: 1, length: 24_000 });
    const { report } = await run([...paths, ender], { format: "wav" });
    let samples = 0;
    for (const path of paths) samples += (await decode(path)).length;
    const pieces = report.join?.pieces ?? [];
    expect(Math.abs((pieces[4]?.startSeconds ?? Number.NaN) - samples / 44_100) * 48_000).toBeLessThan(0.501);
    const joined = await decode(stitched("wav"));
    expect((findPulse(joined, 48_000, samples / 44_100 + 0.05) - samples / 44_100 - 0.05) * 48_000).toBeLessThan(0.6);
  });
});

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
    const mono = await writeNoise("mono.wav", noise(20_000, 4), 1);
    const stereo = await writeNoise("stereo.wav", noise(20_000, 5), 2);
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

describe("what is wrong with an input", () => {
  test("fails when a file that ends early shifts nothing and says nothing", async () => {
    const whole = fixtures.file("whole.mp3");
    await writePulses(whole, { sampleRateHz: 44_100, channels: 1, length: 88_200 }, "-b:a", "128k");
    const broken = fixtures.file("broken.mp3");
    await writeFile(broken, await readFile(whole));
    await truncate(broken, 20_000);
    const { report, warnings } = await run([broken, whole], { format: "wav" });
    expect(warnings.map((warning) => warning.code)).toEqual(["input_ends_early"]);
    expect(warnings[0]?.detail).toMatch(/^broken\.mp3 ends 0\.\d+ s before/);
    const start = report.join?.pieces[1]?.startSeconds ?? Number.NaN;
    expect(start).toBeGreaterThan(1);
    expect(start).toBeLessThan(1.3);
    const joined = await decode(stitched("wav"));
    expect(Math.abs(findPulse(joined, 44_100, start + 0.05) - start - 0.05) * 44_100).toBeLessThan(0.2);
  });

  test("fails when a file without a sample is joined, or not named", async () => {
    const empty = await writeNoise("empty.wav", new Int16Array(0), 1);
    const good = await writeNoise("good.wav", noise(5_000, 1), 1);
    const failing = run([good, empty, good]);
    await expect(failing).rejects.toMatchObject({ code: "input_empty", message: expect.stringContaining("empty.wav") });
  });

  test("fails when a text among the inputs is not refused before any work", async () => {
    const text = fixtures.file("notes.mp3");
    await writeFile(text, "not a song\n".repeat(100));
    const good = await writeNoise("fine.wav", noise(5_000, 1), 1);
    await expect(run([good, text])).rejects.toMatchObject({ code: "input_not_media" });
  });
});

describe("the output", () => {
  test("fails when the fast way is promised to what it cannot join, and the reason is not told", async () => {
    const path = await writeNoise("one.wav", noise(5_000, 1), 1);
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
        [20_000, 33_333].map((n, at) => writeNoise(`peak-${at}.wav`, noise(2 * n, at), 2)),
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
    const path = await writeNoise("steps.wav", noise(5_000, 1), 1);
    const { steps } = await run([path, path], { format: "wav" });
    const words = steps.flatMap((step) => step.argv);
    expect(words.filter((word) => word.includes(fixtures.dir))).toEqual([]);
    expect(words).toEqual(expect.arrayContaining(["{in0}", "{in1}", expect.stringMatching(/\]\{out\}\|/)]));
  });

  test("fails when progress goes back, or does not reach the end", async () => {
    const paths = await Promise.all([20_000, 33_333].map((n, at) => writeNoise(`go-${at}.wav`, noise(n, at), 1)));
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
async function listDescendants(name: string, about: string, pid = process.pid): Promise<string[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const found = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map(async (child) => {
        const line = (await readFile(`/proc/${child}/cmdline`, "utf8").catch(() => "")).replaceAll("\0", " ");
        const own = line.includes(name) && line.includes(about) ? [line] : [];
        return [...own, ...(await listDescendants(name, about, Number(child)))];
      }),
  );
  return found.flat();
}
