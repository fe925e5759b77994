import { expect, test } from "vitest";
import { buildDocument, type LocalOutcome } from "../../../cli/local-document.ts";
import { MixdownError } from "../../../core/errors.ts";

const measurement = {
  integratedLufs: -20,
  truePeakDbtp: -1,
  loudnessRangeLu: null,
  noiseFloorDbfs: null,
  durationSeconds: 1,
  sampleRateHz: 48_000,
  channels: 1,
  codec: "mp3",
  measured: "whole",
} as const;
const done = (input: string): LocalOutcome => ({
  input,
  result: {
    outputs: [{ path: `${input}.out`, contentType: "audio/mpeg", durationSeconds: 1, sizeBytes: 10 }],
    report: { before: [measurement], after: measurement },
    warnings: [{ code: "w", detail: input }],
    engine: { mixdown: "0", ffmpeg: "5", steps: [] },
  },
});
const error = new MixdownError("input_empty", { message: "b is empty." }).toDocument();

test("fails when one input's `before` is a list, or many inputs' is not", () => {
  expect(buildDocument([done("a")], { single: true })).toMatchObject({
    status: "succeeded",
    outputs: [{ path: "a.out", durationSeconds: 1, sizeBytes: 10 }],
    report: { before: { integratedLufs: -20 }, after: { integratedLufs: -20 } },
  });
  expect(buildDocument([done("a")], { single: false })).toMatchObject({
    report: { before: [{ integratedLufs: -20 }] },
  });
});

test("fails when a failure has no error, or a success has one", () => {
  expect(buildDocument([{ input: "b", error }], { single: true })).toEqual({
    status: "failed",
    outputs: [],
    report: null,
    warnings: [],
    error,
  });
  expect(buildDocument([done("a")], { single: true })).not.toHaveProperty("error");
});

test("fails when of several inputs one is missing, out of order, or the failure is hidden", () => {
  const document = buildDocument([done("a"), { input: "b", error }, done("c")], { single: true });
  expect(document).toMatchObject({
    status: "failed",
    error: { code: "input_empty" },
    outputs: [{ path: "a.out" }, { path: "c.out" }],
    results: [
      { input: "a", status: "succeeded" },
      { input: "b", status: "failed", error: { code: "input_empty" } },
      { input: "c", status: "succeeded" },
    ],
  });
});
