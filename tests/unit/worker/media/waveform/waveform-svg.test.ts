import { expect, test } from "vitest";
import type { Peaks } from "../../../../../worker/media/waveform/peaks.ts";
import { buildWaveformSvg } from "../../../../../worker/media/waveform/waveform-svg.ts";

const wave = (pixels: number, value: number): Peaks => ({
  sampleRateHz: 1000,
  samplesPerPixel: 10,
  bits: 8,
  length: pixels,
  data: Int8Array.from({ length: pixels * 2 }, (_, at) => (at % 2 === 0 ? -value : value)),
});

const barsOf = (svg: string, row: "a" | "b") => {
  const path = new RegExp(`class="${row}"[^>]* d="([^"]*)"`).exec(svg)?.[1] ?? "";
  return [...path.matchAll(/M([\d.]+) ([\d.]+)V([\d.]+)/g)].map((bar) => bar.slice(1).map(Number));
};

test("fails when the two rows are not on one scale", () => {
  const svg = buildWaveformSvg({ before: wave(1000, 100), after: wave(1000, 50), rowHeightPx: 100 });
  const [, top = 0, bottom = 0] = barsOf(svg, "b")[5] ?? [];
  const [, topAfter = 0, bottomAfter = 0] = barsOf(svg, "a")[5] ?? [];
  expect(bottom - top).toBeCloseTo(100, 0);
  expect(bottomAfter - topAfter).toBeCloseTo(50, 0);
});

test("fails when a recording of half the time takes more than half the axis", () => {
  const svg = buildWaveformSvg({ before: wave(1000, 100), after: wave(500, 100) });
  expect(barsOf(svg, "a").length / barsOf(svg, "b").length).toBeCloseTo(0.5, 1);
});

test("fails when a peak between two bars is lost", () => {
  const before = wave(3000, 1);
  before.data[2 * 1234 + 1] = 127;
  const tops = barsOf(buildWaveformSvg({ before, rowHeightPx: 100 }), "b").map(([, top = 0]) => top);
  expect(Math.min(...tops)).toBeLessThan(1);
});

test("fails when words of the caller can break the markup", () => {
  const svg = buildWaveformSvg({ before: wave(10, 9), title: '"<x>&', labels: { before: "<script>" } });
  expect(svg).not.toMatch(/<script|<x>/);
  expect(svg).toContain('aria-label="&#34;&#60;x&#62;&#38;"');
});

test("fails when an empty or silent recording draws no picture", () => {
  for (const before of [wave(0, 0), wave(100, 0)]) {
    const svg = buildWaveformSvg({ before });
    expect(svg).toMatch(/^<svg .*<\/svg>\n$/);
    expect(svg).not.toMatch(/NaN|Infinity/);
  }
});

test("fails when a dark page is not thought of", () => {
  expect(buildWaveformSvg({ before: wave(10, 9) })).toContain("prefers-color-scheme:dark");
});
