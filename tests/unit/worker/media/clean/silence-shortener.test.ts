import { expect, test } from "vitest";
import { buildEditList, mapTime } from "../../../../../worker/media/clean/edit-list.ts";
import { createSilenceShortener } from "../../../../../worker/media/clean/silence-shortener.ts";

const rate = 1_000;

/** A ramp that tells where each sample came from, with silence where `seconds` says so. */
function shorten(stretches: readonly (readonly [seconds: number, loud: boolean])[], step = 1_000_000) {
  const samples: number[] = [];
  for (const [seconds, loud] of stretches) {
    for (let at = 0; at < seconds * rate; at++) samples.push(loud ? 0.5 + samples.length / 1e6 : 0);
  }
  const shortener = createSilenceShortener({ sampleRateHz: rate, channels: 1, thresholdDbfs: -40 });
  const input = Float32Array.from(samples);
  const out: number[] = [];
  for (let at = 0; at < input.length; at += step) out.push(...shortener.push(input.subarray(at, at + step)));
  out.push(...shortener.finish());
  return { input, out, edits: buildEditList(shortener.stretches(), rate) };
}

test("fails when pauses of a second or less are touched", () => {
  const { input, out, edits } = shorten([
    [0.5, true],
    [1, false],
    [0.5, true],
    [0.3, false],
  ]);
  expect(Float32Array.from(out)).toEqual(input);
  expect(edits).toEqual([{ inputStartSeconds: 0, inputEndSeconds: 2.3, outputStartSeconds: 0 }]);
});

test("fails when 5 s of silence do not become 0.6, at the start, between words and at the end", () => {
  const { out, edits } = shorten([
    [5, false],
    [1, true],
    [5, false],
    [1, true],
    [5, false],
  ]);
  expect(out.length / rate).toBeCloseTo(2 + 3 * 0.6, 2);
  expect(edits).toHaveLength(4);
});

test("fails when any word is lost or moved from where the edit list says", () => {
  for (const step of [7, 10, 999, 1_000_000]) {
    const { input, out, edits } = shorten(
      [
        [0.4, true],
        [3, false],
        [0.7, true],
        [1.5, false],
        [0.25, true],
      ],
      step,
    );
    for (let at = 0; at < input.length; at++) {
      const value = input[at] ?? 0;
      if (value !== 0) expect(out[Math.round(mapTime(edits, at / rate) * rate)]).toBeCloseTo(value, 5);
    }
    expect(out.filter((value) => value !== 0)).toHaveLength(input.filter((value) => value !== 0).length);
  }
});

test("fails when a time that was cut out is mapped anywhere but to the cut", () => {
  const edits = [
    { inputStartSeconds: 0, inputEndSeconds: 2, outputStartSeconds: 0 },
    { inputStartSeconds: 5, inputEndSeconds: 8, outputStartSeconds: 2 },
  ];
  expect([0, 1, 2, 3.5, 5, 6, 8, 9].map((seconds) => mapTime(edits, seconds))).toEqual([0, 1, 2, 2, 2, 3, 5, 5]);
});
