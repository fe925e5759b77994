import { readFile } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { audioFormatNames } from "../../core/kinds/audio-formats.ts";
import { createWords } from "../fixtures/random.ts";
import { decode, useMediaFixtures } from "./media-fixtures.ts";
import {
  concat,
  makeTone,
  rate,
  readLoudness,
  readSpan,
  runMix,
  scale,
  silence,
  speakSamples,
  trackTone,
  writeSound,
} from "./mix-fixtures.ts";

const fixtures = useMediaFixtures();

/** What the narration holds, seconds: two stretches with 1 s between them, 3 s later a third, 12 dB quieter. */
let first: Float32Array = new Float32Array(0);
let second: Float32Array = new Float32Array(0);
let voice: Float32Array = new Float32Array(0);
const at = { start: 2, bridgeStart: 0, pauseStart: 0, quietStart: 0, end: 0 };

beforeAll(async () => {
  first = await speakSamples(
    "The quick brown fox jumps over the lazy dog. The village talks about it.",
    fixtures.file("a.wav"),
  );
  second = await speakSamples("It was a bright cold day in April.", fixtures.file("b.wav"));
  voice = concat(silence(at.start), first, silence(1), second, silence(3), scale(second, -12), silence(2.5));
  at.bridgeStart = at.start + first.length / rate;
  at.pauseStart = at.bridgeStart + 1 + second.length / rate;
  at.quietStart = at.pauseStart + 3;
  at.end = at.quietStart + second.length / rate;
  await writeSound(fixtures.file("voice.wav"), voice);
  await writeSound(fixtures.file("bed.wav"), makeTone(40), "-ac", "2");
});

const run = (params: object, files: { voices?: readonly string[]; music?: string } = {}, context: object = {}) =>
  runMix(
    fixtures.toolchain,
    fixtures.dir,
    { voices: (files.voices ?? ["voice.wav"]).map(fixtures.file), music: fixtures.file(files.music ?? "bed.wav") },
    { format: "wav", ...params },
    context,
  );

/** The level of the music in the result over time, by a filter that hears the bed's tone alone. */
const trackBed = async (path: string | undefined) => trackTone(await decode(path ?? "", "-ac", "1"));

describe("ducking", () => {
  test.each([0, -12, -30])("fails when the depth is not 12 dB under a voice at %i dB", async (gainDb) => {
    const name = `voice${gainDb}.wav`;
    await writeSound(fixtures.file(name), scale(voice, gainDb));
    const { outputs, report, warnings } = await run({}, { voices: [name] });
    const bed = await trackBed(outputs[0]?.path);
    const alone = readSpan(bed, at.pauseStart + 0.75, at.quietStart - 0.65).mean;
    const speech = [readSpan(bed, at.start, at.pauseStart), readSpan(bed, at.quietStart, at.end)];
    for (const { low, high, mean } of speech) {
      expect(Math.abs(alone - mean - 12)).toBeLessThan(0.2);
      // Inside speech, over the pause of a second too.
      expect(high - low).toBeLessThan(0.5);
    }
    expect(report.mix).toMatchObject({ duckDb: 12, speechCount: 2 });
    expect(warnings).toEqual([]);
  });

  test("fails when the noise of a room, 25 dB under the voice, holds the music down or hides the voice", async () => {
    const energy = first.reduce((sum, value) => sum + value * value, 0);
    const level = Math.sqrt(energy / first.length) / 10 ** (25 / 20);
    const next = createWords(1);
    const noise = Float32Array.from(voice, () => (level * Math.sqrt(3) * (next() | 0)) / 2 ** 31);
    await writeSound(
      fixtures.file("room.wav"),
      voice.map((value, index) => value + (noise[index] ?? 0)),
    );
    const { outputs } = await run({}, { voices: ["room.wav"] });
    const bed = await trackBed(outputs[0]?.path);
    const alone = readSpan(bed, at.pauseStart + 0.8, at.quietStart - 0.8).mean;
    const { mean, high } = readSpan(bed, at.start, at.pauseStart);
    expect(Math.abs(alone - mean - 12)).toBeLessThan(1);
    expect(high - mean).toBeLessThan(2);
  });

  test.each([0, 6, 20])("fails when a depth of %i dB is not what is heard", async (duckDb) => {
    const { outputs } = await run({ duckDb });
    const bed = await trackBed(outputs[0]?.path);
    const alone = readSpan(bed, at.pauseStart + 0.75, at.quietStart - 0.65).mean;
    expect(alone - readSpan(bed, at.start, at.pauseStart).mean).toBeCloseTo(duckDb, 0);
  });

  test("fails when the music is not down before the first sound, or leaves its level too early", async () => {
    const { outputs } = await run({});
    const bed = await trackBed(outputs[0]?.path);
    const low = readSpan(bed, at.start, at.pauseStart).mean;
    for (const start of [at.start, at.quietStart]) {
      expect(readSpan(bed, start - 0.045, start).high - low).toBeLessThan(0.2);
      expect(readSpan(bed, start - 0.8, start - 0.65).low - low).toBeGreaterThan(11.8);
      // Half way down in the middle of the fade.
      const middle = readSpan(bed, start - 0.35, start - 0.25).mean - low;
      expect(middle).toBeGreaterThan(3);
      expect(middle).toBeLessThan(9);
    }
  });

  test("fails when the music is less than 10 LU under the voice while it speaks, by ffmpeg's own meter", async () => {
    const { outputs, report } = await run({ duckDb: 6, musicLufsBelow: 10 });
    const out = await decode(outputs[0]?.path ?? "", "-ac", "1");
    const from = Math.round(at.start * rate);
    const to = Math.round(at.bridgeStart * rate);
    await writeSound(fixtures.file("spoken.wav"), out.slice(from, to));
    // The tone alone, as loud as it stands under the voice.
    const { mean } = readSpan(trackTone(out.slice(from, to)), 0, (to - from) / rate);
    await writeSound(fixtures.file("tone.wav"), makeTone(5, 10 ** (mean / 20)));
    const [spoken, tone] = [
      await readLoudness(fixtures.file("spoken.wav")),
      await readLoudness(fixtures.file("tone.wav")),
    ];
    // Of the sum: the voice alone is at most 0.5 LU lower.
    expect(spoken.lufs - tone.lufs).toBeGreaterThanOrEqual(10);
    expect(report.mix?.musicLuBelow).toBeGreaterThanOrEqual(10);
  });
});

describe("loudness and peak", () => {
  test.each(audioFormatNames)(
    "fails when %s misses −16 LUFS by 0.2 or passes −1 dBTP, by ffmpeg's meter",
    async (format) => {
      const { outputs, report, warnings } = await run({ format });
      const { lufs, peak } = await readLoudness(outputs[0]?.path ?? "");
      expect(Math.abs(lufs + 16)).toBeLessThanOrEqual(0.25);
      expect(Math.abs((report.after?.integratedLufs ?? 0) + 16)).toBeLessThanOrEqual(0.2);
      expect(peak).toBeLessThanOrEqual(-0.9);
      expect(report.after?.truePeakDbtp).toBeLessThanOrEqual(-1);
      expect(warnings).toEqual([]);
    },
  );

  test("fails when a target that the voice's peaks allow only by limiting is missed, or needs a second try", async () => {
    const { outputs, report } = await run({ loudnessLufs: -13, ceilingDbtp: -3 });
    const { lufs, peak } = await readLoudness(outputs[0]?.path ?? "");
    expect(Math.abs(lufs + 13)).toBeLessThanOrEqual(0.25);
    expect(peak).toBeLessThanOrEqual(-2.95);
    expect(report.mix).toMatchObject({ limited: true, corrected: false });
  });

  test("fails when the voice's peaks pump the music through the limiter", async () => {
    const { outputs } = await run({ loudnessLufs: -13 });
    const bed = await trackBed(outputs[0]?.path);
    const { low, high } = readSpan(bed, at.start, at.pauseStart);
    expect(high - low).toBeLessThan(2);
  });

  test("fails when a target out of reach is not told, or with strict delivered", async () => {
    const unreachable = { loudnessLufs: -8, ceilingDbtp: -9 };
    const { warnings, report } = await run(unreachable);
    expect(warnings.map(({ code }) => code)).toContain("loudness_not_reached");
    expect(report.after?.truePeakDbtp).toBeLessThanOrEqual(-9);
    await expect(run({ ...unreachable, strict: true })).rejects.toMatchObject({ code: "quality_out_of_bounds" });
  });

  test("fails when peaks.json is not that of the result, or is left out", async () => {
    const { outputs } = await run({}, {}, { peaks: true });
    expect(outputs.map(({ name }) => name)).toEqual(["mixed.wav", "peaks.json", "peaks.dat"]);
    const peaks = JSON.parse(await readFile(outputs[1]?.path ?? "", "utf8"));
    // Both sides are alike here.
    const mono = await decode(outputs[0]?.path ?? "", "-af", "pan=mono|c0=c0");
    expect(peaks).toMatchObject({ sample_rate: rate, length: Math.ceil(mono.length / 256) });
    const loudest = mono.reduce((top, value) => Math.max(top, value), 0);
    expect(Math.max(...peaks.data) / 128).toBeCloseTo(loudest, 1);
  });
});
