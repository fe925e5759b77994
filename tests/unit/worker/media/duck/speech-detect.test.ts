import { expect, test } from "vitest";
import { detectSpeech } from "../../../../../worker/media/duck/speech-detect.ts";
import { createLevelTrack } from "../../../../../worker/media/duck/speech-levels.ts";
import { createRandom } from "../../../../fixtures/random.ts";

/** Levels in dB for stretches of [seconds, level]; speech sways by ±6 dB in syllables, all by ±1 dB. */
function track(stretches: readonly (readonly [seconds: number, db: number, speech?: boolean])[], gainDb = 0) {
  const random = createRandom(7);
  const levels = createLevelTrack();
  let block = 0;
  for (const [seconds, db, speech = false] of stretches) {
    for (let end = block + Math.round(seconds * 100); block < end; block++) {
      const sway = (speech ? 6 * Math.sin(block / 4) : 0) + 2 * random() - 1;
      levels.push(10 ** ((db + sway + gainDb) / 10));
    }
  }
  return levels;
}

const talk = [
  [2, -60],
  [3, -22, true],
  [0.5, -60],
  [2, -22, true],
  [3, -60],
  [4, -34, true],
  [2, -60],
] as const;

const rounded = (levels: ReturnType<typeof track>) =>
  detectSpeech(levels).map(({ startSeconds, endSeconds }) => [startSeconds, endSeconds]);

test("fails when speech is not found to 50 ms, or a stretch 12 dB quieter is missed", () => {
  const spans = rounded(track(talk));
  const expected = [
    [2, 5],
    [5.5, 7.5],
    [10.5, 14.5],
  ];
  expect(spans).toHaveLength(3);
  for (const [index, [start = 0, end = 0]] of expected.entries()) {
    expect(Math.abs((spans[index]?.[0] ?? 0) - start)).toBeLessThanOrEqual(0.05);
    expect(Math.abs((spans[index]?.[1] ?? 0) - end)).toBeLessThanOrEqual(0.1);
  }
});

test("fails when the narration's own level moves what is found", () => {
  const loud = rounded(track(talk));
  for (const gainDb of [-36, -12, 6]) expect(rounded(track(talk, gainDb))).toEqual(loud);
});

test.each([
  [20, -42],
  [12, -34],
])("fails when steady noise %i dB under the voice is taken for speech", (_snr, noise) => {
  const spans = detectSpeech(
    track([
      [5, noise],
      [4, -22, true],
      [5, noise],
    ]),
  );
  expect(spans[0]?.startSeconds).toBeGreaterThan(4.8);
  expect(spans.at(-1)?.endSeconds).toBeLessThan(9.3);
});

test("fails when a click counts as speech", () => {
  const spans = detectSpeech(
    track([
      [3, -70],
      [0.02, -15],
      [3, -70],
      [4, -22, true],
      [2, -70],
    ]),
  );
  expect(spans).toHaveLength(1);
  expect(spans[0]?.startSeconds).toBeGreaterThan(5.9);
});

test("fails when a voice without any pause is not speech from end to end", () => {
  const [first, ...more] = detectSpeech(track([[6, -20]]));
  expect(more).toEqual([]);
  expect(first?.startSeconds).toBeLessThan(0.05);
  expect(first?.endSeconds).toBeGreaterThan(5.9);
});

test("fails when silence, digital or nearly so, holds speech", () => {
  const silent = createLevelTrack();
  for (let block = 0; block < 500; block++) silent.push(0);
  expect(detectSpeech(silent)).toEqual([]);
  expect(detectSpeech(track([[5, -85]]))).toEqual([]);
  expect(detectSpeech(createLevelTrack())).toEqual([]);
});

test("fails when levels are not given back to a hundredth of a decibel, over ten hours too", () => {
  const levels = createLevelTrack();
  for (let block = 0; block < 3_600_000; block++) levels.push(block % 2 === 0 ? 0.25 : 0);
  expect(levels.length).toBe(3_600_000);
  expect(levels.levelDb(3_599_998)).toBeCloseTo(10 * Math.log10(0.25), 2);
  expect(levels.energy(3_599_999)).toBe(0);
  expect(levels.energy(3_600_000)).toBe(0);
});
