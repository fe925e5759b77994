import { expect, test } from "vitest";
import { formatBytes, formatReport, formatTable } from "../../../cli/report-table.ts";
import type { Measurement } from "../../../core/report.ts";

const measured: Measurement = {
  integratedLufs: -23.04,
  truePeakDbtp: -3,
  loudnessRangeLu: null,
  noiseFloorDbfs: null,
  durationSeconds: 10,
  sampleRateHz: 48_000,
  channels: 1,
  codec: "mp3",
  measured: "whole",
};

test("fails when columns are not aligned", () => {
  expect(
    formatTable(
      [
        ["a", "1"],
        ["long", "22"],
      ],
      { numbers: [1] },
    ),
  ).toBe("a      1\nlong  22");
});

test("fails when before and after are not side by side, or unmeasured rows are shown", () => {
  const text = formatReport({ before: [measured], after: { ...measured, integratedLufs: -16 } });
  expect(text).toBe(
    [
      "               before       after",
      "loudness   -23.0 LUFS  -16.0 LUFS",
      "true peak   -3.0 dBTP   -3.0 dBTP",
      "length       10.000 s    10.000 s",
    ].join("\n"),
  );
});

test("fails when silence, which has no loudness, breaks the table", () => {
  const silent = { ...measured, integratedLufs: null, truePeakDbtp: null };
  expect(formatReport({ before: [silent], after: silent })).toBe(
    "          before     after\nlength  10.000 s  10.000 s",
  );
  expect(formatReport({ before: [measured], after: { ...measured, integratedLufs: null } })).toMatch(/-23\.0 LUFS +–/);
});

test("fails when many inputs are shown as one", () => {
  expect(formatReport({ before: [measured, measured], after: measured })).not.toContain("before");
});

test("fails when sizes are rounded to another unit's", () => {
  expect([0, 999, 1000, 12_345, 999_400, 999_600, 1.5e9].map(formatBytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 kB",
    "12.3 kB",
    "999 kB",
    "1.0 MB",
    "1.5 GB",
  ]);
});
