import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AudioFormat } from "../../core/kinds/audio-formats.ts";
import { type EncodeRequest, encodeVerified, measureFromPipe } from "../../worker/media/encode/encode.ts";
import { buildVerifyArgs } from "../../worker/media/encode/encode-args.ts";
import { buildEncoderPlan } from "../../worker/media/encode/encoder-plan.ts";
import type { Hearing } from "../../worker/media/encode/hear-segments.ts";
import { lowerGranules } from "../../worker/media/master/lower-granules.ts";
import { addPauses, createPauseMeter, describePauseLevel } from "../../worker/media/meters/pause-meter.ts";
import { createPeaksAccumulator } from "../../worker/media/waveform/peaks.ts";
import { startFfmpeg } from "../../worker/process/run-ffmpeg.ts";
import type { ThreadPool } from "../../worker/process/thread-pool.ts";
import { startThreads } from "../../worker/start-threads.ts";
import { ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const stop = new AbortController();
let pool: ThreadPool;
/** Several segments, and an odd end. */
const seconds = 127.3;
const shape = { sampleRateHz: 44_100, channels: 2, bitRate: 96_000, bitsPerSample: 16 };

beforeAll(async () => {
  pool = startThreads(stop.signal);
  const bursts = "(0.5+0.4*sin(2*PI*0.17*t))*sin(2*PI*190*t)*gt(sin(2*PI*0.4*t),-0.3)+0.1*(random(0)-0.5)";
  await ffmpeg(
    ...[
      "-v",
      "error",
      "-f",
      "lavfi",
      "-i",
      `aevalsrc='${bursts}|0.6*(${bursts})':s=${shape.sampleRateHz}:d=${seconds}`,
    ],
    ...["-c:a", "pcm_f32le", fixtures.file("in.wav")],
  );
});
afterAll(() => pool.close());

function buildRequest(format: AudioFormat, out: string, over: Partial<EncodeRequest> = {}): EncodeRequest {
  return {
    toolchain: fixtures.toolchain,
    source: { inputArgs: ["-i", fixtures.file("in.wav")], ...shape },
    plan: buildEncoderPlan(format, shape),
    outPath: fixtures.file(out),
    expectedFrames: Math.round(seconds * shape.sampleRateHz),
    ...over,
  };
}

const peaksFormat = { ...shape, samplesPerPixel: 256, bits: 8 } as const;

function collect() {
  const pauses = createPauseMeter(shape);
  const peaks = createPeaksAccumulator(peaksFormat);
  const onPart: Hearing["onPart"] = (part) => {
    if (part.pauses !== null) addPauses(pauses.sums(), part.pauses);
    if (part.peaks !== null) peaks.append(part.peaks);
  };
  const scratchDir = dirname(fixtures.file("x"));
  return { pauses, peaks, hearing: { pool, scratchDir, samplesPerPixel: 256, withPauses: true, onPart } };
}

test.each(["mp3", "wav", "m4a"] as const)("fails when threads hear another %s than one pipe does", async (format) => {
  const known = { pauses: createPauseMeter(shape), peaks: createPeaksAccumulator(peaksFormat) };
  const ceilingDbtp = -0.9;
  const whole = await encodeVerified(
    buildRequest(format, `pipe.${format}`, {
      ceilingDbtp,
      onSamples: (samples) => known.pauses.push(samples),
      onPcm16: (chunk) => known.peaks.push(chunk),
    }),
  );
  const { pauses, peaks, hearing } = collect();
  const heard = await encodeVerified(buildRequest(format, `threads.${format}`, { ceilingDbtp, hearing }));
  expect(heard.reading.frames).toBe(Math.round(seconds * shape.sampleRateHz));
  expect(heard.reading.frames).toBe(whole.reading.frames);
  expect(heard.reading.integratedLufs).toBeCloseTo(whole.reading.integratedLufs ?? 0, 6);
  expect(heard.reading.truePeakDbtp).toBeCloseTo(whole.reading.truePeakDbtp ?? 0, 6);
  expect(heard.reading.loudnessRangeLu).toBeCloseTo(whole.reading.loudnessRangeLu ?? 0, 6);
  expect(new Set(heard.overs?.map(({ frame }) => frame))).toEqual(new Set(whole.overs?.map(({ frame }) => frame)));
  expect(peaks.finish()).toEqual(known.peaks.finish());
  const level = describePauseLevel(pauses.sums());
  expect(Math.abs((level ?? 0) - (known.pauses.finish() ?? 99))).toBeLessThan(0.1);
  expect(readdirSync(dirname(fixtures.file("x"))).filter((name) => name.startsWith("heard-"))).toEqual([]);
});

test("fails when what was changed in a finished mp3 is heard otherwise than by decoding all of it", async () => {
  const request = buildRequest("mp3", "changed.mp3", { ceilingDbtp: -3 });
  const first = await encodeVerified({ ...request, hearing: collect().hearing });
  // At 40 s, in a segment, and where two meet.
  for (const at of [40, 30]) {
    const frame = at * shape.sampleRateHz;
    const granule = Math.floor((frame + request.plan.delayFrames) / 576);
    await lowerGranules(request.outPath, new Map(Array.from({ length: 30 }, (_, index) => [granule + index, 4])));
    const start = (target: readonly string[]) =>
      startFfmpeg(fixtures.toolchain, buildVerifyArgs({ ...request, decodeAfterwards: true }, target));
    const known = await measureFromPipe(start, request, 0);
    const again = await first.again?.(
      at === 40 ? [frame, frame + 30 * 576] : [40, 30].map((s) => s * shape.sampleRateHz),
    );
    expect(again).not.toBeNull();
    expect(again?.reading.integratedLufs).toBeCloseTo(known.reading.integratedLufs ?? 0, 5);
    expect(again?.reading.integratedLufs).not.toBeCloseTo(first.reading.integratedLufs ?? 0, 5);
    expect(again?.reading.truePeakDbtp).toBeCloseTo(known.reading.truePeakDbtp ?? 0, 5);
    expect(again?.reading.frames).toBe(known.reading.frames);
  }
  expect(await first.again?.(Array.from({ length: 127 }, (_, at) => at * shape.sampleRateHz))).toBeNull();
});

test("fails when a decoder that breaks is taken for the end of the sound", async () => {
  const request = buildRequest("mp3", "broken.mp3", { hearing: collect().hearing });
  const plan = { ...request.plan, sampleRateHz: -1 };
  await expect(encodeVerified({ ...request, plan })).rejects.toMatchObject({ code: "platform_ffmpeg_failed" });
});
