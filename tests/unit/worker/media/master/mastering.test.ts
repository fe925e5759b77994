import { expect, test } from "vitest";
import { findCorrection } from "../../../../../worker/media/master/mastering.ts";

const target = { loudnessLufs: -16, ceilingDbtp: -1 };
const setting = { gainDb: 5, predictedLufs: -16, limitDbtp: -1.6 };
const reading = (integratedLufs: number | null, truePeakDbtp: number | null) => ({
  integratedLufs,
  truePeakDbtp,
  loudnessRangeLu: null,
  frames: 1,
});

test("fails when a result inside the bars is made again", () => {
  expect(findCorrection(target, setting, reading(-16.14, -1.2))).toBeNull();
  expect(findCorrection(target, setting, reading(-15.9, -1))).toBeNull();
  expect(findCorrection(target, setting, reading(null, null))).toBeNull();
});

test("fails when what the codec took is not asked for on top", () => {
  expect(findCorrection(target, setting, reading(-16.5, -2))?.loudnessLufs).toBeCloseTo(-15.5, 9);
});

test("fails when a limiter that fell short is asked for more than the target", () => {
  // It was known before the codec that only −17 would be reached.
  const short = { ...setting, predictedLufs: -17 };
  expect(findCorrection(target, short, reading(-17.1, -1.5))?.loudnessLufs).toBeCloseTo(-15.9, 9);
});

test("fails when an overshoot does not lower the limit by more than itself, or an undershoot moves it", () => {
  expect(findCorrection(target, setting, reading(-16, -0.5))?.limitDbtp ?? 0).toBeLessThan(-2.1);
  expect(findCorrection(target, setting, reading(-16.5, -3))?.limitDbtp).toBe(-1.6);
});
