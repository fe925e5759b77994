import { expect, test } from "vitest";
import { createTruePeakLimiter } from "../../../../../worker/media/master/true-peak-limiter.ts";
import { createLoudnessMeter } from "../../../../../worker/media/meters/loudness-meter.ts";
import { buildPhases, peakAround, truePeakReach } from "../../../../../worker/media/meters/true-peak.ts";
import { createRandom } from "../../../../fixtures/random.ts";
import { runFilter } from "./peak-signals.ts";

const rate = 48_000;

/** Bursts of a high tone, whose peaks lie between samples, over a quiet low one; interleaved. */
function makeBursts(channels: number, frames = 3 * rate): Float32Array {
  return Float32Array.from({ length: frames * channels }, (_, index) => {
    const at = Math.floor(index / channels);
    const inBurst = at % 12_000 > 9_000 && index % channels === 0;
    const low = 0.1 * Math.sin((2 * Math.PI * 150 * at) / rate);
    return low + (inBurst ? 0.8 * Math.sin((2 * Math.PI * 11_900 * at) / rate + 0.7) : 0);
  });
}

function run(samples: Float32Array, channels: number, gainDb: number, ceilingDbtp: number, step = samples.length) {
  const limiter = createTruePeakLimiter({ sampleRateHz: rate, channels, gainDb, ceilingDbtp });
  const out = runFilter(limiter, samples, channels, [step / channels]);
  return { out, limited: limiter.limited() };
}

function truePeakOf(samples: Float32Array, channels: number): number {
  const meter = createLoudnessMeter({ sampleRateHz: rate, channels });
  meter.push(samples);
  return meter.finish().truePeakDbtp ?? Number.NEGATIVE_INFINITY;
}

test("fails when the ceiling is passed at any gain, ceiling or cut of the stream", () => {
  for (const channels of [1, 2]) {
    const bursts = makeBursts(channels);
    for (const [gainDb, ceilingDbtp] of [
      [0, -3],
      [6, -1],
      [20, -1],
      [12, -9],
    ] as const) {
      for (const step of [bursts.length, 2_000 * channels, 4_096 * channels, 77 * channels]) {
        const { out, limited } = run(bursts, channels, gainDb, ceilingDbtp, step);
        expect(out).toHaveLength(bursts.length);
        expect(limited).toBe(true);
        expect(truePeakOf(out, channels)).toBeLessThanOrEqual(ceilingDbtp);
      }
    }
  }
});

test("fails when a peak of noise, where samples beside a greater one have their own, is overlooked", () => {
  const random = createRandom(11);
  const noise = Float32Array.from({ length: rate }, () => random() - 0.5);
  const phases = buildPhases(4);
  for (const gainDb of [5, 8, 14]) {
    const { out } = run(noise, 1, gainDb, -1);
    let most = 0;
    for (let at = truePeakReach; at < out.length - truePeakReach; at++) {
      most = Math.max(most, peakAround(out, at, phases));
    }
    expect(20 * Math.log10(most)).toBeLessThanOrEqual(-1);
  }
});

test("fails when the result depends on how the stream was cut", () => {
  const bursts = makeBursts(1);
  const whole = run(bursts, 1, 9, -1).out;
  for (const step of [1_000, 4_097, 60_000]) {
    expect(run(bursts, 1, 9, -1, step).out).toEqual(whole);
  }
});

test("fails when sound under the ceiling is delayed or changed by more than the gain", () => {
  const tone = Float32Array.from({ length: 20_001 }, (_, at) => 0.1 * Math.sin(at * 0.05));
  const { out, limited } = run(tone, 1, 6, -1, 3_000);
  expect(limited).toBe(false);
  const gain = 10 ** (6 / 20);
  expect(out.every((value, at) => Math.abs(value - gain * (tone[at] ?? 0)) < 1e-6)).toBe(true);
});

test("fails when a peak takes down sound that is a tenth of a second away", () => {
  const tone = Float32Array.from({ length: rate }, (_, at) => 0.2 * Math.sin(at * 0.05));
  tone[rate / 2] = 4;
  const { out } = run(tone, 1, 0, -1);
  const away = Math.round(0.1 * rate);
  for (const from of [0, rate / 2 + away]) {
    const changed = tone
      .subarray(from, from + rate / 2 - away)
      .findIndex((value, at) => Math.abs(value - (out[from + at] ?? 0)) > 0.002);
    expect(changed).toBe(-1);
  }
});

test("fails when one channel is taken down alone and the image moves", () => {
  const bursts = makeBursts(2);
  const { out } = run(bursts, 2, 6, -1);
  // The right channel carries the same low tone in both; where the left is limited, it goes down too.
  const at = (frame: number) => Math.abs((out[2 * frame + 1] ?? 0) / (bursts[2 * frame + 1] || 1));
  const inBurst = Array.from({ length: 1_000 }, (_, index) => 10_000 + index).filter(
    (frame) => Math.abs(bursts[2 * frame + 1] ?? 0) > 0.05,
  );
  expect(Math.max(...inBurst.map(at))).toBeLessThan(1.5);
});

test("fails when nothing, one sample or silence breaks it", () => {
  expect(run(new Float32Array(0), 1, 3, -1).out).toHaveLength(0);
  expect(run(new Float32Array([2]), 1, 0, -1).out).toHaveLength(1);
  expect(run(new Float32Array(10_000), 2, 40, -1).out).toEqual(new Float32Array(10_000));
});
