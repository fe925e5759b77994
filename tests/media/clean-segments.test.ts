import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { renderSegments, surveySegments } from "../../worker/media/clean/clean-segments.ts";
import { createNotchFilter } from "../../worker/media/denoise/notch-filter.ts";
import { createSpectralDenoiser, toKeptDb } from "../../worker/media/denoise/spectral-denoiser.ts";
import { createNoiseSurvey } from "../../worker/media/denoise/spectral-survey.ts";
import { chooseWindow } from "../../worker/media/denoise/stft-window.ts";
import { limitInSegments } from "../../worker/media/master/limit-segments.ts";
import { limitInOnePiece } from "../../worker/media/master/mastering.ts";
import { createLoudnessMeter } from "../../worker/media/meters/loudness-meter.ts";
import type { DecodingFile } from "../../worker/media/pcm/decode-file.ts";
import { chainFilters } from "../../worker/media/pcm/frame-filter.ts";
import { readGrowing } from "../../worker/media/pcm/growing-file.ts";
import type { ThreadPool } from "../../worker/process/thread-pool.ts";
import { startThreads } from "../../worker/start-threads.ts";
import { makeNoise, runClean } from "./clean-fixtures.ts";
import { ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const sampleRateHz = 44_100;
const channels = 2;
const seconds = 71.3;
const stop = new AbortController();
const fixtures = useMediaFixtures();
let dir: string;
let pool: ThreadPool;

/** Bursts of a tone as a voice, with pauses, in white noise, the channels different. */
function makeRecording(): Float32Array {
  const frames = Math.round(seconds * sampleRateHz);
  const noise = makeNoise(frames * channels, 5);
  for (let frame = 0; frame < frames; frame++) {
    const time = frame / sampleRateHz;
    const loud = Math.sin(2 * Math.PI * 0.31 * time) > -0.3 ? 0.3 + 0.2 * Math.sin(2 * Math.PI * 3.1 * time) : 0;
    const voice = loud * (Math.sin(2 * Math.PI * 190 * time) + 0.5 * Math.sin(2 * Math.PI * 1_730 * time));
    for (let channel = 0; channel < channels; channel++) {
      const at = frame * channels + channel;
      noise[at] = 0.01 * (noise[at] as number) + (channel === 0 ? voice : 0.7 * voice);
    }
  }
  return noise;
}

const recording = makeRecording();
const frames = recording.length / channels;
const format = { sampleRateHz, channels, channelLayout: "stereo" };

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "mixdown-segments-"));
  writeFileSync(join(dir, "in.f32"), new Uint8Array(recording.buffer));
  pool = startThreads(stop.signal);
});

afterAll(async () => {
  await pool.close();
  rmSync(dir, { recursive: true, force: true });
});

const file = () => ({ path: join(dir, "in.f32"), ...format });

/** The recording as decoded already. */
const source = (): DecodingFile => ({
  ...{ file: file(), done: Promise.resolve({ argv: [] }), close: async () => {} },
  waitFor: async () => frames,
});

function readFloats(path: string): Float32Array {
  const bytes = readFileSync(path);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

/** 130 s at 8 kHz, mono. */
async function makeLongFile(path: string): Promise<void> {
  const sound = "0.3*sin(2*PI*220*t)*gt(sin(2*PI*0.4*t),-0.3)+0.06*(random(0)-0.5)";
  await ffmpeg("-f", "lavfi", "-i", `aevalsrc='${sound}':s=8000:d=130`, path);
}

/** Largest difference, dBFS. */
function nullOut(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  let worst = 1e-12;
  for (let at = 0; at < a.length; at++) worst = Math.max(worst, Math.abs((a[at] as number) - (b[at] as number)));
  return 20 * Math.log10(worst);
}

function learnNoise() {
  const survey = createNoiseSurvey(format);
  survey.push(recording);
  const { profile } = survey.finish();
  return profile ?? { windowSize: chooseWindow(sampleRateHz), channels: [new Float64Array(1_025).fill(0.1), null] };
}

const hum = { fundamentalHz: 50, harmonics: [1, 2, 5] };

function inOnePiece() {
  const denoiser = createSpectralDenoiser({ profile: learnNoise(), depthDb: 20 });
  const filter = chainFilters([createNotchFilter(hum, format), denoiser]);
  const out = new Float32Array(recording.length);
  let at = 0;
  for (const part of [filter.push(recording), filter.finish()]) {
    out.set(part, at);
    at += part.length;
  }
  const meter = createLoudnessMeter(format);
  meter.push(out);
  return { out, reading: meter.finish(), kept: toKeptDb(denoiser.keptSpeech()) };
}

const renderIn = (segmentSeconds: number, outPath: string) =>
  renderSegments(
    { pool, segmentSeconds },
    {
      ...{ source: source(), frames, outPath, guarded: true },
      treatment: { hum, silenceDbfs: null, dcOffsets: [0, 0], denoise: { profile: learnNoise(), depthDb: 20 } },
    },
  );

test.each([3 + 5 * Math.random(), 8 + 10 * Math.random(), 30])(
  "fails when segments of %d s null against one piece at more than −90 dBFS, or measure otherwise",
  async (segmentSeconds) => {
    const whole = inOnePiece();
    const outPath = join(dir, `out-${segmentSeconds}.f32`);
    const { reading, keptSpeechDb } = await renderIn(segmentSeconds, outPath);
    expect(nullOut(readFloats(outPath), whole.out)).toBeLessThan(-90);
    expect(Math.abs((reading.integratedLufs ?? 0) - (whole.reading.integratedLufs ?? 9))).toBeLessThan(1e-4);
    expect(Math.abs((reading.loudnessRangeLu ?? 0) - (whole.reading.loudnessRangeLu ?? 9))).toBeLessThan(0.02);
    expect(Math.abs((reading.truePeakDbtp ?? 0) - (whole.reading.truePeakDbtp ?? 9))).toBeLessThan(1e-3);
    expect(reading.frames).toBe(frames);
    expect(Math.abs(keptSpeechDb - whole.kept)).toBeLessThan(0.05);
  },
);

test("fails when a survey in segments reads another loudness, peak or noise than one in one piece", async () => {
  const survey = await surveySegments({ pool, segmentSeconds: 7 }, source());
  const meter = createLoudnessMeter(format);
  meter.push(recording);
  const whole = meter.finish();
  const noise = createNoiseSurvey(format);
  noise.push(recording);
  expect(survey.reading.frames).toBe(frames);
  expect(survey.silencedSamples).toBe(0);
  expect(Math.abs((survey.reading.integratedLufs ?? 0) - (whole.integratedLufs ?? 9))).toBeLessThan(1e-9);
  expect(Math.abs((survey.reading.truePeakDbtp ?? 0) - (whole.truePeakDbtp ?? 9))).toBeLessThan(1e-6);
  expect(Math.abs((survey.noise.noiseFloorDbfs ?? 0) - (noise.finish().noiseFloorDbfs ?? 99))).toBeLessThan(0.3);
});

test.each([1.5, 3, 5, 10])(
  "fails when the limiter's segments, %d dB over, null against one piece at more than −90 dBFS",
  async (overDb) => {
    const outPath = join(dir, `treated-${overDb}.f32`);
    const { reading, parts } = await renderIn(30, outPath);
    const treated = { ...file(), path: outPath, reading };
    const setting = { gainDb: overDb - 3 - (reading.truePeakDbtp ?? 0), limitDbtp: -3 };
    const collect = async (pcm: AsyncIterable<Uint8Array>) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of pcm) chunks.push(chunk.slice());
      const bytes = Buffer.concat(chunks);
      return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    };
    const limitedPath = join(dir, `limited-${overDb}.f32`);
    const segmented = limitInSegments({ source: treated, pool, parts, outPath: limitedPath });
    const onePiece = limitInOnePiece(treated, stop.signal);
    const [ours, theirs] = [segmented.open(setting), onePiece.open(setting)];
    expect(nullOut(await collect(readGrowing(ours.growing)), await collect(theirs.pcm))).toBeLessThan(-90);
    expect(ours.limited()).toBe(true);
    expect(theirs.limited()).toBe(true);
    const [found, known] = [await segmented.measure(setting), await onePiece.measure(setting)];
    expect(Math.abs((found ?? 0) - (known ?? 9))).toBeLessThan(0.02);
  },
);

test("fails when a long file, cleaned by threads, is shifted, misses its bars, or its progress goes backwards", async () => {
  const path = join(dir, "long.wav");
  await makeLongFile(path);
  const run = await runClean(fixtures, path);
  const { before, after, treatment } = run.report;
  expect(run.scratch).toContain("decoded.f32");
  expect(treatment?.denoiser).not.toBeNull();
  expect(after?.durationSeconds).toBe(before[0]?.durationSeconds);
  expect(Math.abs((after?.integratedLufs ?? 0) + 16)).toBeLessThan(0.2);
  expect(after?.truePeakDbtp).toBeLessThanOrEqual(-1);
  expect(run.percents).toEqual([...run.percents].sort((a, b) => a - b));
  expect(run.percents.at(-1)).toBe(100);
});

test("fails when a long file is cleaned on after it was cancelled, or another reason is told", async () => {
  const path = join(dir, "cancelled.wav");
  await makeLongFile(path);
  const stopping = new AbortController();
  const reason = new Error("cancelled by its owner");
  let calls = 0;
  const onProgress = () => {
    if (++calls === 3) stopping.abort(reason);
  };
  const running = runClean(fixtures, path, {}, { signal: stopping.signal, onProgress });
  await expect(running).rejects.toBe(reason);
});

test("fails when a task's failure, or an abort, leaves work waiting or threads alive", async () => {
  const aborting = new AbortController();
  const threads = startThreads(aborting.signal);
  const broken = { kind: "limit", file: { ...file(), path: join(dir, "nowhere") }, segment: {}, outPath: null };
  await expect(threads.run(broken)).rejects.toThrow(/ENOENT/);
  const segment = { from: 0, to: frames, readFrom: 0, readTo: frames };
  const long = { kind: "limit", file: file(), segment, gainDb: 30, ceilingDbtp: -20, outPath: null };
  const waiting = [threads.run(long), threads.run(long), threads.run(long), threads.run(long)];
  aborting.abort(new Error("enough"));
  for (const one of waiting) await expect(one).rejects.toThrow("enough");
  await threads.close();
  await expect(async () => threads.run(long)).rejects.toThrow("enough");
});
