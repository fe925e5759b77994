import { truncate } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { audioFormatNames } from "../../core/kinds/audio-formats.ts";
import { siSdrDb } from "../fixtures/speech-noise.ts";
import { addNoise, makeNoise, measureTone, runClean, writeWav } from "./clean-fixtures.ts";
import { decode, ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const rate = 48_000;
let speech: Float32Array = new Float32Array(0);

beforeAll(async () => {
  const text =
    "Good morning, and welcome. Today we walk along the river, from the old bridge to the mill. " +
    "Nobody knows exactly when it was built. Bring boots, a map, and something to eat.";
  // Silence before and behind, as every recording has.
  await speak(
    text,
    fixtures.file("speech.wav"),
    rate,
    "-af",
    "adelay=400,apad=pad_dur=0.4,volume=-4dB",
    "-c:a",
    "pcm_f32le",
  );
  speech = await decode(fixtures.file("speech.wav"));
  await writeWav(fixtures.file("noisy.wav"), addNoise(speech, makeNoise(speech.length), 15), rate);
});

/** ffmpeg's own meter, which shares no code with ours. One decimal. */
async function readByFfmpeg(path: string): Promise<{ integrated: number; peak: number }> {
  const stderr = await ffmpeg(
    "-i",
    path,
    "-map",
    "0:a",
    "-af",
    "ebur128=peak=true:framelog=verbose",
    "-f",
    "null",
    "-",
  );
  const last = (pattern: RegExp) => Number([...stderr.matchAll(pattern)].at(-1)?.[1]);
  return { integrated: last(/I:\s+(-?[\d.]+) LUFS/g), peak: last(/Peak:\s+(-?[\d.]+) dBFS/g) };
}

describe("loudness and peak", () => {
  test.each(audioFormatNames)(
    "fails when %s misses the target by more than 0.2 LU or passes the ceiling",
    async (format) => {
      for (const [source, params] of [
        ["noisy.wav", { loudnessLufs: -16, ceilingDbtp: -1 }],
        ["speech.wav", { loudnessLufs: -23, ceilingDbtp: -2 }],
      ] as const) {
        const { path, report, warnings } = await runClean(fixtures, fixtures.file(source), { ...params, format });
        const { integrated, peak } = await readByFfmpeg(path);
        expect(Math.abs(integrated - params.loudnessLufs)).toBeLessThanOrEqual(0.2001);
        expect(peak).toBeLessThanOrEqual(params.ceilingDbtp);
        expect(Math.abs((report.after?.integratedLufs ?? 0) - integrated)).toBeLessThanOrEqual(0.06);
        expect(report.after?.truePeakDbtp ?? 1).toBeLessThanOrEqual(params.ceilingDbtp);
        expect(warnings).toEqual([]);
      }
    },
  );

  test("fails when a target that no limiter reaches is delivered without a word, or not refused when strict", async () => {
    const params = { loudnessLufs: -8, ceilingDbtp: -9, format: "wav" } as const;
    const { path, warnings } = await runClean(fixtures, fixtures.file("speech.wav"), params);
    expect(warnings.map((warning) => warning.code)).toContain("loudness_not_reached");
    expect((await readByFfmpeg(path)).peak).toBeLessThanOrEqual(-9);
    const strict = runClean(fixtures, fixtures.file("speech.wav"), { ...params, strict: true });
    await expect(strict).rejects.toMatchObject({ code: "quality_out_of_bounds" });
  });

  test("fails when 0.3 s, which has no gating block, are blown up or refused", async () => {
    await ffmpeg(
      "-v",
      "error",
      "-i",
      fixtures.file("speech.wav"),
      "-ss",
      "0.6",
      "-t",
      "0.3",
      fixtures.file("short.wav"),
    );
    const { path, report, warnings } = await runClean(fixtures, fixtures.file("short.wav"));
    expect(report.after?.integratedLufs).toBeNull();
    expect(report.after?.truePeakDbtp ?? 1).toBeLessThanOrEqual(-1);
    expect(warnings.map((warning) => warning.code)).toEqual(["loudness_not_measurable"]);
    expect(await decode(path)).toHaveLength(0.3 * rate);
  });

  test("fails when digital silence becomes anything else, or is not said", async () => {
    await ffmpeg("-v", "error", "-f", "lavfi", "-i", "anullsrc=r=44100:cl=stereo:d=2", fixtures.file("silence.wav"));
    const { path, warnings } = await runClean(fixtures, fixtures.file("silence.wav"));
    expect(warnings.map((warning) => warning.code)).toEqual(["input_silent"]);
    expect((await decode(path)).every((value) => value === 0)).toBe(true);
  });
});

describe("sync", () => {
  test.each(["wav", "mp3", "m4a", "opus"] as const)(
    "fails when %s is longer or shorter than its input, or shifted",
    async (format) => {
      const { path, outputs } = await runClean(fixtures, fixtures.file("noisy.wav"), { format });
      const result = await decode(path);
      // m4a's last frame is decoded whole by ffmpeg 5; its header holds the length.
      expect(Math.abs(result.length - speech.length)).toBeLessThanOrEqual(format === "m4a" ? 1_024 : 0);
      expect(Math.abs((outputs[0]?.durationSeconds ?? 0) - speech.length / rate)).toBeLessThanOrEqual(0.001);
      let best = { lag: 0, score: 0 };
      for (let lag = -100; lag <= 100; lag++) {
        let score = 0;
        for (let at = 24_000; at < 72_000; at++) score += (speech[at] ?? 0) * (result[at + lag] ?? 0);
        if (score > best.score) best = { lag, score };
      }
      expect(best.lag).toBe(0);
    },
  );

  test("fails when sample rate, channels or bit depth change without need", async () => {
    await ffmpeg(
      "-v",
      "error",
      "-i",
      fixtures.file("speech.wav"),
      "-ar",
      "22050",
      "-ac",
      "2",
      "-c:a",
      "pcm_s24le",
      fixtures.file("deep.wav"),
    );
    const { report, path } = await runClean(fixtures, fixtures.file("deep.wav"));
    expect(report.after).toMatchObject({ sampleRateHz: 22_050, channels: 2, codec: "pcm_s24le" });
    expect((await ffmpeg("-i", path, "-f", "null", "-")).match(/pcm_s24le.*22050 Hz, stereo/)).not.toBeNull();
  });
});

describe("noise", () => {
  test.each([
    [5, 8.5],
    [10, 8],
    [15, 7],
  ])(
    "fails when white noise at %i dB SNR is lowered so little that SI-SDR gains less than %f dB",
    async (snrDb, gainDb) => {
      const noisy = addNoise(speech, makeNoise(speech.length, snrDb), snrDb);
      await writeWav(fixtures.file(`white${snrDb}.wav`), noisy, rate);
      // Quiet enough that no limiter adds its own distortion.
      const { path, report } = await runClean(fixtures, fixtures.file(`white${snrDb}.wav`), { loudnessLufs: -27 });
      expect(report.treatment?.denoiser).not.toBeNull();
      expect(siSdrDb(await decode(path), speech) - siSdrDb(noisy, speech)).toBeGreaterThanOrEqual(gainDb);
    },
  );

  test("fails when already clean speech is changed: less than 35 dB SI-SDR against the input", async () => {
    const { path } = await runClean(fixtures, fixtures.file("speech.wav"), { loudnessLufs: -27 });
    expect(siSdrDb(await decode(path), speech)).toBeGreaterThanOrEqual(35);
  });

  test("fails when denoise: false still denoises", async () => {
    const { path, report } = await runClean(fixtures, fixtures.file("noisy.wav"), {
      denoise: false,
      loudnessLufs: -27,
    });
    expect(report.treatment?.denoiser).toBeNull();
    expect(siSdrDb(await decode(path), await decode(fixtures.file("noisy.wav")))).toBeGreaterThanOrEqual(60);
  });

  test.each([50, 60])("fails when hum of %i Hz loses less than 20 dB at a harmonic, or is not named", async (hz) => {
    const harmonics = [1, 2, 3, 5];
    const hum = Float32Array.from({ length: speech.length }, (_, at) =>
      harmonics.reduce((sum, k) => sum + (0.02 / k) * Math.sin((2 * Math.PI * hz * k * at) / rate + k), 0),
    );
    const humming = speech.map((value, at) => value + (hum[at] ?? 0));
    await writeWav(fixtures.file(`hum${hz}.wav`), humming, rate);
    const { path, report } = await runClean(fixtures, fixtures.file(`hum${hz}.wav`), { loudnessLufs: -27 });
    expect(report.treatment?.humHz ?? 0).toBeCloseTo(hz, 1);
    const result = await decode(path);
    const gainDb = report.treatment?.gainDb ?? 0;
    for (const k of harmonics) {
      const loweredDb = measureTone(humming, hz * k, rate) - (measureTone(result, hz * k, rate) - gainDb);
      expect(loweredDb).toBeGreaterThanOrEqual(20);
    }
  });

  test("fails when an offset stays, or a voice that has none gets one", async () => {
    await writeWav(
      fixtures.file("offset.wav"),
      speech.map((value) => value + 0.02),
      rate,
    );
    for (const name of ["offset.wav", "speech.wav"]) {
      const { path, report } = await runClean(fixtures, fixtures.file(name), { loudnessLufs: -27 });
      const start = (await decode(path)).subarray(0, rate / 4);
      const offset =
        start.reduce((sum, value) => sum + value, 0) / start.length / 10 ** ((report.treatment?.gainDb ?? 0) / 20);
      expect(Math.abs(offset)).toBeLessThan(0.000_5);
    }
  });

  test("fails when clean speech is said to hum", async () => {
    const { report } = await runClean(fixtures, fixtures.file("speech.wav"));
    expect(report.treatment?.humHz).toBeNull();
  });
});

describe("what else may break", () => {
  test("fails when progress goes backwards or does not end at 100", async () => {
    const { percents } = await runClean(fixtures, fixtures.file("noisy.wav"), { format: "mp3" });
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(percents.at(-1)).toBe(100);
  });

  test("fails when a command line in the report shows a folder of this machine", async () => {
    const { steps } = await runClean(fixtures, fixtures.file("noisy.wav"), { format: "mp3" });
    expect(steps.length).toBeGreaterThan(0);
    expect(JSON.stringify(steps)).not.toContain(fixtures.dir);
    expect(JSON.stringify(steps)).toContain("{in0}");
  });

  test("fails when peaks are asked for and do not come, or not of the result", async () => {
    const { outputs, path } = await runClean(fixtures, fixtures.file("noisy.wav"), { format: "mp3" }, { peaks: true });
    expect(outputs.map((output) => output.name)).toEqual(["noisy.mp3", "peaks.json", "peaks.dat"]);
    const { readFile } = await import("node:fs/promises");
    const peaks = JSON.parse(await readFile(outputs[1]?.path ?? "", "utf8")) as { length: number; data: number[] };
    expect(peaks.length).toBe(Math.ceil((await decode(path)).length / 256));
  });

  test("fails when a FLAC that breaks off is cleaned as if it were whole", async () => {
    await ffmpeg("-v", "error", "-i", fixtures.file("noisy.wav"), fixtures.file("cut.flac"));
    await truncate(fixtures.file("cut.flac"), 400_000);
    await expect(runClean(fixtures, fixtures.file("cut.flac"))).rejects.toMatchObject({ code: "input_truncated" });
  });

  test("fails when an abort does not end the recipe with its reason", async () => {
    const controller = new AbortController();
    const stop = () => controller.abort(new Error("enough"));
    const running = runClean(fixtures, fixtures.file("noisy.wav"), {}, { signal: controller.signal, onProgress: stop });
    await expect(running).rejects.toThrow("enough");
  });
});
