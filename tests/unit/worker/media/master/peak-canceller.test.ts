import fc from "fast-check";
import { expect, test } from "vitest";
import { denoiserReach } from "../../../../../worker/media/denoise/spectral-denoiser.ts";
import { chooseWindow } from "../../../../../worker/media/denoise/stft-window.ts";
import { cancellerReach, createPeakCanceller } from "../../../../../worker/media/master/peak-canceller.ts";
import { createLoudnessMeter } from "../../../../../worker/media/meters/loudness-meter.ts";
import { createSameRoom } from "../../../../../worker/media/pcm/float-room.ts";
import { makeVoice, runFilter } from "./peak-signals.ts";

const usualRates = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000];

interface Run {
  readonly rate?: number;
  readonly channels?: number;
  readonly gainDb?: number;
  readonly startFrame?: number;
  readonly steps?: readonly number[];
}

function run(samples: Float32Array, options: Run = {}): Float32Array {
  const { rate = 48_000, channels = 1, gainDb = 0, startFrame = 0, steps = [samples.length] } = options;
  const room = createSameRoom();
  const settings = { sampleRateHz: rate, channels, gainDb, ceilingDbtp: -5, startFrame, room };
  return runFilter(createPeakCanceller(settings), samples, channels, steps);
}

function truePeakOf(samples: Float32Array, rate: number): number {
  const meter = createLoudnessMeter({ sampleRateHz: rate, channels: 1 });
  meter.push(samples);
  return meter.finish().truePeakDbtp ?? Number.NEGATIVE_INFINITY;
}

test.each(usualRates)("fails when a voice at %d Hz is left over the ceiling by more than little", (rate) => {
  const voice = makeVoice(rate, 2);
  const out = run(voice, { rate });
  expect(out).toHaveLength(voice.length);
  expect(truePeakOf(voice, rate)).toBeGreaterThan(-0.5);
  expect(truePeakOf(out, rate)).toBeLessThan(-4.7);
});

test("fails when the result depends on how the stream was cut", () => {
  const voice = makeVoice(48_000, 1.3, [1, 0.8]);
  const whole = run(voice, { channels: 2 });
  const anySteps = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(anySteps, (steps) => {
      expect(run(voice, { channels: 2, steps })).toEqual(whole);
    }),
    { numRuns: 12 },
  );
});

test.each([8_000, 44_100, 48_000])(
  "fails when a part at %d Hz that is begun elsewhere differs by one bit where it knows all that it depends on",
  (rate) => {
    const voice = makeVoice(rate, 3);
    const whole = run(voice, { rate });
    const reach = cancellerReach(rate);
    const most = voice.length - 3 * reach;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: most }), fc.integer({ min: 1, max: rate }), (from, length) => {
        const to = Math.min(voice.length, from + 2 * reach + length);
        const part = run(voice.subarray(from, to), { rate, startFrame: from });
        const known = part.subarray(reach, part.length - reach);
        expect(known).toEqual(whole.subarray(from + reach, to - reach));
      }),
      { numRuns: 12 },
    );
  },
);

test.each(usualRates)("fails when a segment at %d Hz is not read far enough for the pulses behind it", (rate) => {
  const limiters = 4 * 0.001_5 * rate + 4 * 13;
  expect(denoiserReach(chooseWindow(rate)).behindFrames).toBeGreaterThan(cancellerReach(rate) + limiters);
});

test("fails when sound under the ceiling is delayed or changed by more than the gain", () => {
  const tone = Float32Array.from({ length: 30_001 }, (_, at) => 0.1 * Math.sin(at * 0.05));
  const gain = 10 ** (6 / 20);
  const out = run(tone, { gainDb: 6, steps: [3_000] });
  expect(out.every((value, at) => Math.abs(value - gain * (tone[at] ?? 0)) < 1e-6)).toBe(true);
});

test("fails when a peak changes sound that is further away than the reach", () => {
  const tone = Float32Array.from({ length: 48_000 }, (_, at) => 0.2 * Math.sin(at * 0.05));
  tone[24_000] = 4;
  const out = run(tone);
  const changed = [...out.keys()].filter((at) => out[at] !== tone[at]);
  expect(changed).toContain(24_000);
  expect(Math.max(...changed.map((at) => Math.abs(at - 24_000)))).toBeLessThan(cancellerReach(48_000));
});

test("fails when equal channels do not stay equal, or are treated other than one alone", () => {
  const alone = run(makeVoice(48_000, 1));
  const both = run(makeVoice(48_000, 1, [1, 1]), { channels: 2 });
  const twice = Float32Array.from(both, (_, at) => alone[at >> 1] ?? 0);
  for (const [at, value] of both.entries()) expect(Math.abs(value - (twice[at] as number))).toBeLessThan(1e-5);
  expect(both.every((value, at) => at % 2 === 0 || value === both[at - 1])).toBe(true);
});

test("fails when a voice moves between the channels", () => {
  const left = makeVoice(48_000, 1, [1, 0.5]);
  const out = run(left, { channels: 2 });
  for (let at = 0; at < out.length; at += 2) {
    expect(Math.abs((out[at + 1] as number) - 0.5 * (out[at] as number))).toBeLessThan(1e-5);
  }
});

test("fails when nothing, one sample, silence, or what is no sound breaks it", () => {
  expect(run(new Float32Array(0))).toHaveLength(0);
  expect(run(new Float32Array([0.1]))).toEqual(new Float32Array([0.1]));
  expect(run(new Float32Array(30_000), { channels: 2, gainDb: 40 })).toEqual(new Float32Array(30_000));
  const square = Float32Array.from({ length: 30_000 }, (_, at) => (at % 400 < 200 ? 1 : -1));
  expect(run(square).every(Number.isFinite)).toBe(true);
  expect(run(square, { gainDb: 60 }).every(Number.isFinite)).toBe(true);
  const broken = Float32Array.from({ length: 30_000 }, (_, at) => (at === 15_000 ? Number.NaN : 1));
  expect(run(broken)).toHaveLength(30_000);
});
