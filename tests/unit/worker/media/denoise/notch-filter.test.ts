import fc from "fast-check";
import { expect, test } from "vitest";
import { createNotchFilter } from "../../../../../worker/media/denoise/notch-filter.ts";
import { createWords } from "../../../../fixtures/random.ts";

/** The cookbook's notch of 4 Hz, sample by sample, direct form I. */
function notch(samples: readonly number[], hz: number, sampleRateHz: number): number[] {
  const w = (2 * Math.PI * hz) / sampleRateHz;
  const alpha = Math.sin(w) / (2 * (hz / 4));
  const [a0, a1, a2] = [1 + alpha, -2 * Math.cos(w), 1 - alpha];
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  return samples.map((x) => {
    const y = (x + a1 * x1 + x2 - a1 * y1 - a2 * y2) / a0;
    [x2, x1, y2, y1] = [x1, x, y1, y];
    return y;
  });
}

test("fails when the kernel's notches are not the cookbook's, at any layout and any cut of the stream", () => {
  const plan = fc.record({
    sampleRateHz: fc.constantFrom(8_000, 22_050, 44_100, 48_000, 96_000),
    channels: fc.constantFrom(1, 2, 3, 6),
    fundamentalHz: fc.double({ min: 49.5, max: 60.5, noNaN: true }),
    harmonics: fc.uniqueArray(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 7 }),
    frames: fc.integer({ min: 1, max: 20_000 }),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
    seed: fc.integer(),
  });
  fc.assert(
    fc.property(plan, ({ sampleRateHz, channels, fundamentalHz, harmonics, frames, cuts, seed }) => {
      const next = createWords(seed);
      const samples = Float32Array.from({ length: frames * channels }, () => (next() | 0) / 2 ** 31);
      const filter = createNotchFilter({ fundamentalHz, harmonics }, { sampleRateHz, channels });
      const places = [0, ...cuts.map((part) => Math.floor(part * frames)).sort((a, b) => a - b), frames];
      const out = places
        .slice(1)
        .flatMap((to, at) => [...filter.push(samples.subarray((places[at] ?? 0) * channels, to * channels))]);
      expect(out).toHaveLength(samples.length);
      for (let channel = 0; channel < channels; channel++) {
        const lane = [...samples].filter((_, at) => at % channels === channel);
        const wanted = harmonics.reduce((sound, k) => notch(sound, k * fundamentalHz, sampleRateHz), lane);
        const worst = wanted.reduce(
          (most, value, frame) => Math.max(most, Math.abs(value - (out[frame * channels + channel] ?? 9))),
          0,
        );
        expect(worst).toBeLessThan(1e-6);
      }
    }),
    { numRuns: 40 },
  );
});

test("fails when a notch above half the rate does anything, or what came in is changed", () => {
  const samples = Float32Array.from({ length: 800 }, (_, at) => Math.sin(at));
  const before = samples.slice();
  const filter = createNotchFilter({ fundamentalHz: 60, harmonics: [70] }, { sampleRateHz: 8_000, channels: 1 });
  expect(filter.push(samples)).toEqual(before);
  expect(samples).toEqual(before);
  expect(filter.finish()).toHaveLength(0);
});
