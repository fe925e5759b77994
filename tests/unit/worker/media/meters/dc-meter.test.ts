import { expect, test } from "vitest";
import { createDcMeter } from "../../../../../worker/media/meters/dc-meter.ts";

const rate = 8_000;
const read = (samples: Float32Array, channels: number) => {
  const meter = createDcMeter({ sampleRateHz: rate, channels });
  for (let at = 0; at < samples.length; at += 300 * channels) meter.push(samples.subarray(at, at + 300 * channels));
  return meter.finish();
};
/** Half a second of pulses, whose mean is not zero, and half a second without. */
const voice = (at: number) => (at % rate < rate / 2 && at % 80 < 8 ? 0.5 : 0);

test("fails when a converter's offset is not found in each channel", () => {
  const samples = Float32Array.from({ length: 8 * rate }, (_, at) => (at % 2 === 0 ? 0.01 : -0.02) + voice(at >> 1));
  const [left = 0, right = 0] = read(samples, 2);
  expect(left).toBeCloseTo(0.01, 4);
  expect(right).toBeCloseTo(-0.02, 4);
});

test("fails when a voice that leans to one side is taken for an offset", () => {
  const samples = Float32Array.from({ length: 4 * rate }, (_, at) => voice(at));
  expect(samples.reduce((sum, value) => sum + value, 0) / samples.length).toBeGreaterThan(0.02);
  expect(Math.abs(read(samples, 1)[0] ?? 1)).toBeLessThan(1e-4);
});
