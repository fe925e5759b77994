import fc from "fast-check";
import { expect, test } from "vitest";
import {
  addSeconds,
  halfOf,
  millisecondsToSeconds,
  minSeconds,
  samplesToSeconds,
  subtractSeconds,
  toFrame,
  toNumber,
  zeroSeconds,
} from "../../../../../worker/media/pcm/pcm-time.ts";

const rates = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000] as const;

test("fails when 500 pieces of an odd length drift by a single frame", () => {
  // 44,101 samples at 44.1 kHz are 48,001.09 at 48 kHz: rounding each loses 0.09 frames, 44 frames in all.
  let sum = zeroSeconds;
  for (let piece = 0; piece < 500; piece++) sum = addSeconds(sum, samplesToSeconds(44_101, 44_100));
  expect(toFrame(sum, 48_000)).toBe(Math.round((500 * 44_101 * 48_000) / 44_100));
  expect(toFrame(samplesToSeconds(44_101, 44_100), 48_000) * 500).not.toBe(toFrame(sum, 48_000));
});

test("fails when a sum depends on the order of its parts", () => {
  const part = fc.tuple(fc.nat(10_000_000), fc.constantFrom(...rates));
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const add = (all: typeof parts) =>
        all.reduce((sum, [samples, rate]) => addSeconds(sum, samplesToSeconds(samples, rate)), zeroSeconds);
      expect(add(parts)).toEqual(add(parts.toReversed()));
    }),
  );
});

test("fails when a count of samples does not come back at its own rate", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), fc.constantFrom(...rates), (samples, rate) => {
      expect(toFrame(samplesToSeconds(samples, rate), rate)).toBe(samples);
    }),
  );
});

test("fails when the nearest frame is not chosen", () => {
  expect(toFrame(millisecondsToSeconds(10.4), 1000)).toBe(10);
  expect(toFrame(millisecondsToSeconds(10.5), 1000)).toBe(11);
  expect(toFrame(subtractSeconds(zeroSeconds, millisecondsToSeconds(10.4)), 1000)).toBe(-10);
  expect(toFrame(subtractSeconds(zeroSeconds, millisecondsToSeconds(10.6)), 1000)).toBe(-11);
});

test("fails when halves, differences or the least are wrong", () => {
  const [third, half] = [samplesToSeconds(1, 3), samplesToSeconds(1, 2)];
  expect(toNumber(halfOf(half))).toBe(0.25);
  expect(subtractSeconds(half, third)).toEqual(samplesToSeconds(1, 6));
  expect(minSeconds(half, third, samplesToSeconds(2, 3))).toEqual(third);
});
