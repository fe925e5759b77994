import { openAsBlob, readdirSync, readFileSync, truncateSync } from "node:fs";
import { basename } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type EncodeRequest, encodeVerified } from "../../worker/media/encode/encode.ts";
import { encodeOnCores } from "../../worker/media/encode/encode-parallel.ts";
import { buildEncoderPlan } from "../../worker/media/encode/encoder-plan.ts";
import { finishWav, startWav } from "../../worker/media/encode/wav-file.ts";
import { isWrittenByThreads } from "../../worker/media/encode/wav-segments.ts";
import { addPauses, createPauseMeter } from "../../worker/media/meters/pause-meter.ts";
import { probeMedia } from "../../worker/media/probe/probe.ts";
import { createPeaksAccumulator } from "../../worker/media/waveform/peaks.ts";
import type { ThreadPool } from "../../worker/process/thread-pool.ts";
import { startThreads } from "../../worker/start-threads.ts";
import { createRandom } from "../fixtures/random.ts";
import { useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const stop = new AbortController();
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

function build(samples: Float32Array, channels: number, bitsPerSample: number, over: Partial<EncodeRequest> = {}) {
  const shape = { sampleRateHz: 22_050, channels, bitsPerSample };
  const pauses = createPauseMeter(shape);
  const peaks = createPeaksAccumulator({ ...shape, samplesPerPixel: 256, bits: 8 });
  const request: EncodeRequest = {
    toolchain: fixtures.toolchain,
    source: { pcm: Readable.from(cutOddly(samples), { objectMode: false }), ...shape },
    plan: buildEncoderPlan("wav", shape),
    outPath: fixtures.file("out.wav"),
    extraOutputArgs: ["-metadata", "title=A name"],
    onSamples: pauses.push,
    onPcm16: peaks.push,
    ...over,
  };
  return { request, pauses, peaks };
}

test.each([
  { bits: 16, channels: 1, frames: 22_050 * 47 + 1 },
  { bits: 24, channels: 1, frames: 22_050 * 47 + 1 },
  { bits: 24, channels: 2, frames: 22_050 * 45 },
  // Ends in what is read beside the second segment.
  { bits: 32, channels: 2, frames: 22_050 * 30 + 100 },
  { bits: 16, channels: 6, frames: 22_050 * 16 },
])(
  "fails when $bits bits of $channels channels are not what one encoder writes, byte for byte, and hears",
  async ({ bits, channels, frames }) => {
    const samples = makeSamples(frames * channels, bits + channels);
    const one = build(samples, channels, bits, { outPath: fixtures.file("one.wav") });
    const known = await encodeVerified(one.request);
    const pauses = createPauseMeter({ sampleRateHz: 22_050, channels });
    const peaks = createPeaksAccumulator({ sampleRateHz: 22_050, channels, samplesPerPixel: 256, bits: 8 });
    const seconds: number[] = [];
    const { request } = build(samples, channels, bits, {
      onProgress: (at) => seconds.push(at),
      hearing: {
        ...{ pool, scratchDir: fixtures.dir, samplesPerPixel: 256, withPauses: true },
        onPart: (part) => {
          if (part.pauses !== null) addPauses(pauses.sums(), part.pauses);
          if (part.peaks !== null) peaks.append(part.peaks);
        },
      },
    });
    expect(isWrittenByThreads(request)).toBe(true);
    const written = await encodeOnCores(() => request);
    expect(readFileSync(request.outPath).equals(readFileSync(one.request.outPath))).toBe(true);
    expect(written.reading.frames).toBe(frames);
    expect(written.reading.integratedLufs).toBeCloseTo(known.reading.integratedLufs ?? 0, 6);
    expect(written.reading.truePeakDbtp).toBeCloseTo(known.reading.truePeakDbtp ?? 0, 6);
    expect(written.reading.loudnessRangeLu).toBeCloseTo(known.reading.loudnessRangeLu ?? 0, 6);
    expect(peaks.finish().data).toEqual(one.peaks.finish().data);
    // Its windows begin anew with each segment.
    expect(Math.abs((pauses.finish() ?? 0) - (one.pauses.finish() ?? 0))).toBeLessThan(1);
    expect(seconds).toEqual(seconds.toSorted((a, b) => a - b));
    expect(seconds.at(-1)).toBeCloseTo(frames / 22_050, 6);
    expect(readdirSync(fixtures.dir).filter((name) => name.endsWith(".f32"))).toEqual([]);
    expect(written.argv.at(-1)).toBe(basename(request.outPath));
  },
);

test("fails when a source that breaks leaves a stretch, or another error comes out", async () => {
  async function* breaking(): AsyncGenerator<Buffer> {
    yield* cutOddly(makeSamples(22_050 * 40, 3));
    throw new RangeError("it broke");
  }
  const { request } = build(new Float32Array(0), 1, 16, {
    source: { pcm: Readable.from(breaking(), { objectMode: false }), sampleRateHz: 22_050, channels: 1 },
    hearing: { pool, scratchDir: fixtures.dir, samplesPerPixel: null, withPauses: false, onPart: () => {} },
  });
  await expect(encodeOnCores(() => request)).rejects.toThrow("it broke");
  expect(readdirSync(fixtures.dir).filter((name) => name.endsWith(".f32"))).toEqual([]);
});

test("fails when a file above 4 GiB is not RF64, or its length cannot be read", async () => {
  const { request } = build(new Float32Array(0), 2, 16);
  const file = await startWav(request);
  const frames = 22_050 * 60_000;
  // A hole: nothing of it lies on the disk.
  truncateSync(request.outPath, file.dataAt + 4 * frames);
  await finishWav(file, { frames, dataBytes: 4 * frames });
  await expect(openAsBlob(request.outPath).then((blob) => blob.slice(0, 4).text())).resolves.toBe("RF64");
  const media = await probeMedia(fixtures.toolchain, request.outPath, "hole.wav");
  expect(media.durationSeconds).toBeCloseTo(60_000, 3);
});

test("fails when a file that ends without a sample is not a file", async () => {
  const { request } = build(new Float32Array(0), 1, 24, {
    hearing: { pool, scratchDir: fixtures.dir, samplesPerPixel: null, withPauses: false, onPart: () => {} },
  });
  const { reading } = await encodeOnCores(() => request);
  expect(reading).toMatchObject({ frames: 0, integratedLufs: null, truePeakDbtp: null });
  expect(readFileSync(request.outPath).toString("latin1", 0, 4)).toBe("RIFF");
});
