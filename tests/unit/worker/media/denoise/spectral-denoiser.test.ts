import fc from "fast-check";
import { expect, test } from "vitest";
import {
  createSpectralDenoiser,
  type NoiseProfile,
  toKeptDb,
} from "../../../../../worker/media/denoise/spectral-denoiser.ts";
import type { FrameFilter } from "../../../../../worker/media/pcm/frame-filter.ts";
import { makeWhite, rms } from "../../../../fixtures/speech-noise.ts";

/** All that comes out when `samples` go in by `chunkFrames` frames at a time. */
function filterAll(filter: FrameFilter, samples: Float32Array, chunkFrames: number, channels: number): Float32Array {
  const out: number[] = [];
  for (let at = 0; at < samples.length; at += chunkFrames * channels) {
    out.push(...filter.push(samples.slice(at, at + chunkFrames * channels)));
  }
  out.push(...filter.finish());
  return Float32Array.from(out);
}

const profileOf = (windowSize: number, levels: readonly (number | null)[]): NoiseProfile => ({
  windowSize,
  channels: levels.map((level) => (level === null ? null : new Float64Array(windowSize / 2 + 1).fill(level))),
});

test("fails when, without noise to take out, a sample is lost, added, moved or changed", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 9_000 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.constantFrom<readonly (number | null)[]>([null], [0], [null, 0], [0, 0, null]),
      (frames, chunkFrames, levels) => {
        const samples = makeWhite(frames * levels.length, frames).map((value) => value / 10);
        const filter = createSpectralDenoiser({ profile: profileOf(256, levels), depthDb: 20 });
        const out = filterAll(filter, samples, chunkFrames, levels.length);
        expect(out).toHaveLength(samples.length);
        const worst = samples.reduce((most, value, at) => Math.max(most, Math.abs(value - (out[at] ?? 9))), 0);
        expect(worst).toBeLessThan(1e-6);
      },
    ),
    { numRuns: 60 },
  );
});

test("fails when the result depends on how the samples come", () => {
  const samples = makeWhite(20_000, 4);
  const make = () => createSpectralDenoiser({ profile: profileOf(512, [128]), depthDb: 20 });
  const whole = filterAll(make(), samples, samples.length, 1);
  for (const chunkFrames of [1, 127, 128, 4_096]) expect(filterAll(make(), samples, chunkFrames, 1)).toEqual(whole);
});

test("fails when noise of the profile's level is not taken down by the depth, and no further", () => {
  const noise = makeWhite(60_000, 8);
  // Root-Hann squares sum to half the window: the power of a bin of unit noise.
  const filter = createSpectralDenoiser({ profile: profileOf(1_024, [512]), depthDb: 18 });
  const out = filterAll(filter, noise, 4_096, 1);
  const reductionDb = -20 * Math.log10(rms(out) / rms(noise));
  expect(reductionDb).toBeGreaterThan(15);
  expect(reductionDb).toBeLessThanOrEqual(18.01);
});

test("fails when a tone far above the noise is taken for noise, or its loss goes unreported", () => {
  const noise = makeWhite(48_000, 2);
  const tone = noise.map((value, at) => value * 0.01 + (at > 10_000 ? Math.sin(at / 7) : 0));
  const filter = createSpectralDenoiser({ profile: profileOf(2_048, [1_024 * 1e-4]), depthDb: 20 });
  const out = filterAll(filter, tone, 4_096, 1);
  expect(Math.abs(20 * Math.log10(rms(out.subarray(20_000)) / rms(tone.subarray(20_000))))).toBeLessThan(0.05);
  expect(toKeptDb(filter.keptSpeech())).toBeGreaterThan(-0.1);
  // A profile 12 dB under the tone: a Wiener gain of 15/16 is −0.6 dB.
  const close = createSpectralDenoiser({ profile: profileOf(2_048, [(2_048 / Math.PI) ** 2 / 15]), depthDb: 20 });
  filterAll(close, tone, 4_096, 1);
  expect(toKeptDb(close.keptSpeech())).toBeLessThan(-0.3);
  expect(toKeptDb(close.keptSpeech())).toBeGreaterThan(-1.5);
});
