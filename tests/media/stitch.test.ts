import { readFile, truncate, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { decode, useMediaFixtures } from "./media-fixtures.ts";
import { findPulse, noise, pulsePlaces, readSamples, runStitch, writeNoise, writePulses } from "./stitch-fixtures.ts";

const fixtures = useMediaFixtures();
const stitched = (format: string): string => fixtures.file(`stitched.${format}`);
const run = (paths: readonly string[], params: Parameters<typeof runStitch>[3] = {}, context = {}) =>
  runStitch(fixtures.toolchain, fixtures.dir, paths, params, context);

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
      const paths = await Promise.all(parts.map((part, at) => writeNoise(fixtures, names[at] ?? "", part, channels)));
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
    const paths = await Promise.all(parts.map((part, at) => writeNoise(fixtures, `gap-${at}.wav`, part, 1)));
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
    const paths = await Promise.all(parts.map((part, at) => writeNoise(fixtures, `fade-${at}.wav`, part, 1)));
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
      [44_100, 4_410, 44_100].map((n, at) => writeNoise(fixtures, `short-${at}.wav`, noise(n, at), 1)),
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
    const empty = await writeNoise(fixtures, "empty.wav", new Int16Array(0), 1);
    const good = await writeNoise(fixtures, "good.wav", noise(5_000, 1), 1);
    const failing = run([good, empty, good]);
    await expect(failing).rejects.toMatchObject({ code: "input_empty", message: expect.stringContaining("empty.wav") });
  });

  test("fails when a text among the inputs is not refused before any work", async () => {
    const text = fixtures.file("notes.mp3");
    await writeFile(text, "not a song\n".repeat(100));
    const good = await writeNoise(fixtures, "fine.wav", noise(5_000, 1), 1);
    await expect(run([good, text])).rejects.toMatchObject({ code: "input_not_media" });
  });
});
