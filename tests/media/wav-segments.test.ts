import { openAsBlob, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EncodeRequest, encodeVerified } from "../../worker/media/encode/encode.ts";
import { buildEncoderPlan } from "../../worker/media/encode/encoder-plan.ts";
import type { Hearing } from "../../worker/media/encode/hear-segments.ts";
import { segmentsOfRuns } from "../../worker/media/encode/segment-inputs.ts";
import { finishWav, startWav } from "../../worker/media/encode/wav-file.ts";
import { isWrittenByThreads, writeWavOf } from "../../worker/media/encode/wav-segments.ts";
import { addPauses, createPauseMeter } from "../../worker/media/meters/pause-meter.ts";
import { FileRun, type PcmRun } from "../../worker/media/pcm/file-run.ts";
import { probeMedia } from "../../worker/media/probe/probe.ts";
import { createPeaksAccumulator } from "../../worker/media/waveform/peaks.ts";
import type { ThreadPool } from "../../worker/process/thread-pool.ts";
import { startThreads } from "../../worker/start-threads.ts";
import { createRandom } from "../fixtures/random.ts";
import { decode, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const stop = new AbortController();
const rate = 22_050;
let pool: ThreadPool;
beforeAll(() => {
  pool = startThreads(stop.signal);
});
afterAll(() => pool.close());

/** Noise of every level from the last bit to beyond full scale. */
function makeSamples(length: number, seed: number): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length }, (_, at) => (random() * 2 - 1) * 1.1 * 10 ** -((at / 3_000) % 8));
}

async function* cutOddly(samples: Float32Array): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(samples.buffer);
  for (let at = 0; at < bytes.length; at += 99_999) yield Buffer.from(bytes.subarray(at, at + 99_999));
}

function build(channels: number, bitsPerSample: number, out: string, over: Partial<EncodeRequest> = {}) {
  const shape = { sampleRateHz: rate, channels, bitsPerSample };
  return {
    toolchain: fixtures.toolchain,
    plan: buildEncoderPlan("wav", shape),
    outPath: fixtures.file(out),
    extraOutputArgs: ["-metadata", "title=A name"],
    ...over,
  };
}

function listen(channels: number) {
  const pauses = createPauseMeter({ sampleRateHz: rate, channels });
  const peaks = createPeaksAccumulator({ sampleRateHz: rate, channels, samplesPerPixel: 256, bits: 8 });
  const hearing: Hearing = {
    ...{ pool, scratchDir: fixtures.dir, samplesPerPixel: 256, withPauses: true },
    onPart: (part) => {
      if (part.pauses !== null) addPauses(pauses.sums(), part.pauses);
      if (part.peaks !== null) peaks.append(part.peaks);
    },
  };
  return { pauses, peaks, hearing };
}

/** Some of it in files, in the middle of each, the rest as it is. */
async function* scatter(samples: Float32Array, channels: number, cuts: readonly number[]): AsyncGenerator<PcmRun> {
  const bytes = Buffer.from(samples.buffer);
  const edges = [0, ...cuts.map((cut) => Math.round(cut * rate) * 4 * channels), bytes.length];
  for (let index = 1; index < edges.length; index++) {
    const part = bytes.subarray(edges[index - 1], edges[index]);
    if (index % 2 === 0) {
      const frame = 4 * channels;
      for (let at = 0; at < part.length; at += 1_000 * frame) yield part.subarray(at, at + 1_000 * frame);
    } else {
      const path = fixtures.file(`source-${index}.f32`);
      writeFileSync(path, Buffer.concat([Buffer.alloc(4 * channels), part, Buffer.alloc(8 * channels)]));
      yield new FileRun(path, 4 * channels, part.length);
    }
  }
}

function inputsOf(runs: AsyncIterable<PcmRun>, channels: number) {
  return segmentsOfRuns({
    ...{ runs, channels, prefix: fixtures.file("joined"), mostFrames: 60 * rate },
    release: (path) => rm(path),
  });
}

const left = (): string[] => readdirSync(fixtures.dir).filter((name) => name.endsWith(".f32"));

test.each([
  { bits: 16, channels: 1, frames: rate * 47 + 1 },
  { bits: 24, channels: 1, frames: rate * 47 + 1 },
  { bits: 24, channels: 2, frames: rate * 45 },
  // Ends in what is read beside the second segment.
  { bits: 32, channels: 2, frames: rate * 30 + 100 },
  { bits: 16, channels: 6, frames: rate * 16 },
])(
  "fails when $bits bits of $channels channels are not what one encoder writes, byte for byte, and hears",
  async ({ bits, channels, frames }) => {
    const samples = makeSamples(frames * channels, bits + channels);
    const one = listen(channels);
    const known = await encodeVerified({
      ...build(channels, bits, "one.wav"),
      source: { pcm: Readable.from(cutOddly(samples), { objectMode: false }), sampleRateHz: rate, channels },
      onSamples: one.pauses.push,
      onPcm16: one.peaks.push,
    });
    const { pauses, peaks, hearing } = listen(channels);
    const seconds: number[] = [];
    const request = { ...build(channels, bits, "out.wav"), hearing, onProgress: (at: number) => seconds.push(at) };
    const runs = scatter(samples, channels, [0.3, 2, 14.9, 15.01, 15.2]);
    const written = await writeWavOf(inputsOf(runs, channels), request);
    expect(readFileSync(request.outPath).equals(readFileSync(fixtures.file("one.wav")))).toBe(true);
    expect(written.reading.frames).toBe(frames);
    expect(written.reading.integratedLufs).toBeCloseTo(known.reading.integratedLufs ?? 0, 6);
    expect(written.reading.truePeakDbtp).toBeCloseTo(known.reading.truePeakDbtp ?? 0, 6);
    expect(written.reading.loudnessRangeLu).toBeCloseTo(known.reading.loudnessRangeLu ?? 0, 6);
    expect(peaks.finish().data).toEqual(one.peaks.finish().data);
    // Its windows begin anew with each segment.
    expect(Math.abs((pauses.finish() ?? 0) - (one.pauses.finish() ?? 0))).toBeLessThan(1);
    const over = samples.filter((sample) => Math.abs(sample) > 1);
    const clipped = { count: over.length, peak: over.reduce((top, sample) => Math.max(top, Math.abs(sample)), 1) };
    expect(written.clipped).toEqual(bits === 32 ? { count: 0, peak: 1 } : clipped);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
    expect(seconds.at(-1)).toBeCloseTo(frames / rate, 6);
    expect(left()).toEqual([]);
    expect(written.argv.at(-1)).toBe("out.wav");
  },
);

test("fails when threads are given what is not plain PCM of the same rate and channels", () => {
  const { hearing } = listen(1);
  const [request, format] = [
    { ...build(1, 16, "out.wav"), hearing },
    { sampleRateHz: rate, channels: 1 },
  ];
  expect(isWrittenByThreads(request, format)).toBe(true);
  for (const other of [
    { sampleRateHz: 48_000, channels: 1 },
    { sampleRateHz: rate, channels: 2 },
  ]) {
    expect(isWrittenByThreads(request, other)).toBe(false);
  }
  for (const over of [
    { decodeAfterwards: true },
    { filter: "volume=2" },
    { muxer: "matroska" },
    { hearing: undefined },
  ]) {
    expect(isWrittenByThreads({ ...request, ...over }, format)).toBe(false);
  }
});

test("fails when samples that are no numbers are stored, or heard", async () => {
  const samples = new Float32Array(rate * 2).fill(0.25);
  samples.set([Number.NaN, Number.POSITIVE_INFINITY, 1e9], rate);
  const { hearing } = listen(1);
  const runs = scatter(samples, 1, [0.7]);
  const { reading, clipped } = await writeWavOf(inputsOf(runs, 1), { ...build(1, 16, "out.wav"), hearing });
  expect(reading.integratedLufs).toBeLessThan(0);
  expect(clipped).toEqual({ count: 0, peak: 1 });
  const written = await decode(fixtures.file("out.wav"));
  expect([...written.subarray(rate - 1, rate + 4)]).toEqual([0.25, 0, 0, 0, 0.25]);
});

test("fails when a source that breaks leaves a file, or another error comes out", async () => {
  async function* breaking(): AsyncGenerator<PcmRun> {
    yield* scatter(makeSamples(rate * 40, 3), 1, [5, 20]);
    throw new RangeError("it broke");
  }
  const request = { ...build(1, 16, "out.wav"), hearing: listen(1).hearing };
  await expect(writeWavOf(inputsOf(breaking(), 1), request)).rejects.toThrow("it broke");
  expect(left()).toEqual([]);
});

test("fails when a reader that stops leaves its source open, or waiting", async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<PcmRun> {
    try {
      for (;;) yield Buffer.alloc(4 * rate);
    } finally {
      closed = true;
    }
  }
  const inputs = inputsOf(endless(), 1);
  expect(await inputs.waitFor(20 * rate)).toBeGreaterThanOrEqual(20 * rate);
  await inputs.dropBefore(10 * rate);
  await inputs.close();
  expect(closed).toBe(true);
  expect(left()).toEqual([]);
});

test("fails when a file above 4 GiB is not RF64, or its length cannot be read", async () => {
  const request = build(2, 16, "out.wav");
  const file = await startWav(request);
  const frames = rate * 60_000;
  // A hole: nothing of it lies on the disk.
  truncateSync(request.outPath, file.dataAt + 4 * frames);
  await finishWav(file, { frames, dataBytes: 4 * frames });
  await expect(openAsBlob(request.outPath).then((blob) => blob.slice(0, 4).text())).resolves.toBe("RF64");
  const media = await probeMedia(fixtures.toolchain, request.outPath, "hole.wav");
  expect(media.durationSeconds).toBeCloseTo(60_000, 3);
});

test("fails when a file without a sample is not a file", async () => {
  const request = { ...build(1, 24, "out.wav"), hearing: listen(1).hearing };
  const { reading } = await writeWavOf(inputsOf(scatter(new Float32Array(0), 1, []), 1), request);
  expect(reading).toMatchObject({ frames: 0, integratedLufs: null, truePeakDbtp: null });
  expect(readFileSync(request.outPath).toString("latin1", 0, 4)).toBe("RIFF");
});
