import { expect, test } from "vitest";
import { bridgePauses, buildDuckEnvelope, createDuckGains } from "../../../../../worker/media/duck/duck-envelope.ts";

const rate = 1_000;
const span = (startSeconds: number, endSeconds: number) => ({ startSeconds, endSeconds });

/** Gains in dB, one a millisecond, read in chunks of `size`. */
function readGains(spans: readonly { startSeconds: number; endSeconds: number }[], duckDb: number, size = 10_000) {
  const gains = createDuckGains(buildDuckEnvelope(spans, duckDb, rate));
  const all: number[] = [];
  for (let at = 0; at < 10_000; at += size) {
    const chunk = new Float32Array(Math.min(size, 10_000 - at));
    gains.fill(chunk, at);
    all.push(...chunk);
  }
  return all.map((gain) => 20 * Math.log10(gain));
}

test("fails when the music is not fully down 50 ms before speech, or not over its whole length", () => {
  const gains = readGains([span(3, 5)], 12);
  for (let ms = 2_950; ms < 5_150; ms++) expect(gains[ms]).toBeCloseTo(-12, 4);
});

test("fails when fades last other than half a second, or bend at their middle", () => {
  const gains = readGains([span(3, 5)], 12);
  expect(gains[2_449]).toBe(0);
  expect(gains[2_700]).toBeCloseTo(-6, 1);
  expect(gains[5_400]).toBeCloseTo(-6, 1);
  expect(gains[5_651]).toBe(0);
  const steps = gains.slice(1).map((gain, index) => Math.abs(gain - (gains[index] ?? 0)));
  expect(Math.max(...steps)).toBeLessThan(((12 * Math.PI) / 2 / 500) * 1.01);
});

test("fails when chunks of another size give other gains", () => {
  const spans = [span(0, 0.4), span(1.9, 3), span(4.2, 9.9)];
  expect(readGains(spans, 9, 37)).toEqual(readGains(spans, 9));
});

test("fails when the music does not start low where speech starts at once", () => {
  expect(readGains([span(0, 2)], 12)[0]).toBeCloseTo(-12, 4);
});

test("fails when two fades that meet leave a step or rise above either", () => {
  const gains = readGains([span(1, 3), span(4.05, 6)], 20);
  const steps = gains.slice(1).map((gain, index) => Math.abs(gain - (gains[index] ?? 0)));
  expect(Math.max(...steps)).toBeLessThan(0.07);
});

test("fails when a pause of a second lets the music rise, or a longer one is bridged", () => {
  expect(bridgePauses([span(0, 1), span(2, 3)])).toEqual([span(0, 3)]);
  expect(bridgePauses([span(0, 1), span(2.12, 3)])).toHaveLength(2);
});

test("fails when a depth of zero changes anything", () => {
  expect(new Set(readGains([span(3, 5)], 0))).toEqual(new Set([0]));
});
