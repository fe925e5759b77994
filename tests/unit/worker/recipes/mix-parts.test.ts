import { expect, test } from "vitest";
import { parseParams } from "../../../../core/kinds/index.ts";
import { createLevelTrack } from "../../../../worker/media/speech-levels.ts";
import { correct } from "../../../../worker/recipes/mix-finish.ts";
import { chooseMixLevels } from "../../../../worker/recipes/mix-levels.ts";

/** LUFS of a K-weighted mean square. */
const energyOf = (lufs: number): number => 10 ** ((lufs + 0.691) / 10);

function steady(seconds: number, lufs: number) {
  const levels = createLevelTrack();
  for (let block = 0; block < 100 * seconds; block++) levels.push(energyOf(lufs));
  return levels;
}

/** Voices of ten seconds each, all speech, one after another. */
const voicesAt = (...all: readonly number[]) =>
  all.map((lufs, index) => ({
    ...{ startSeconds: 10 * index, levels: steady(10, lufs), heardLu: 0 },
    spans: [{ startSeconds: 0, endSeconds: 10 }],
  }));

const musicAt = (lufs: number, heardLu = 0) => ({ levels: steady(30, lufs), heardLu, loopSeconds: 29.95 });

const choose = (voices: ReturnType<typeof voicesAt>, music: ReturnType<typeof musicAt>, params: object = {}) =>
  chooseMixLevels({ voices, music, totalSeconds: 10 * voices.length }, parseParams("mix", params));

test("fails when the music lies less than 10 LU under the voice, or moves by other than its level", () => {
  for (const duckDb of [0, 6, 12, 40]) {
    const levels = choose(voicesAt(-20), musicAt(-30), { duckDb });
    expect(levels.musicLuBelow).toBeCloseTo(Math.max(duckDb, 10.3), 1);
    // Alone it is the voice's loudness, or lower where the duck alone is not deep enough.
    expect(-30 + levels.musicGainDb).toBeCloseTo(-20 - Math.max(0, 10.3 - duckDb), 1);
  }
});

test("fails when a louder or quieter recording of voice or bed changes their distance", () => {
  const expected = choose(voicesAt(-20), musicAt(-30)).musicLuBelow ?? 0;
  for (const [voice, bed] of [
    [-32, -30],
    [-20, -14],
    [-44, -50],
  ] as const) {
    expect(choose(voicesAt(voice), musicAt(bed)).musicLuBelow).toBeCloseTo(expected, 1);
  }
});

test("fails when a quieter second narration is drowned", () => {
  const levels = choose(voicesAt(-16, -24), musicAt(-30));
  expect(-30 + levels.musicGainDb - 12).toBeLessThanOrEqual(-24 - 10);
});

test("fails when one channel that is heard from two is not 3 dB louder", () => {
  const [mono, dual] = [choose(voicesAt(-20), musicAt(-30)), choose(voicesAt(-20), musicAt(-30, 3.01))];
  expect(mono.musicGainDb - dual.musicGainDb).toBeCloseTo(3.01, 1);
});

test("fails when the loudness that is foretold is not that of the sum of voice and ducked music", () => {
  const levels = choose(voicesAt(-20), musicAt(-30), { duckDb: 12 });
  const sum = 10 * Math.log10(10 ** (-20 / 10) + 10 ** (-32 / 10));
  expect(levels.predictedLufs).toBeCloseTo(sum, 1);
});

test("fails when silence on either side, or on both, gives a number that is none", () => {
  const silentVoice = [{ startSeconds: 0, levels: createLevelTrack(), heardLu: 0, spans: [] }];
  const noVoice = choose(silentVoice as never, musicAt(-30));
  expect(noVoice).toMatchObject({ musicGainDb: 0, musicLuBelow: null, speech: [] });
  expect(noVoice.predictedLufs).toBeCloseTo(-30, 0);
  const noMusic = choose(voicesAt(-20), { levels: createLevelTrack(), heardLu: 0, loopSeconds: 0 });
  expect(noMusic).toMatchObject({ musicGainDb: 0, musicLuBelow: null });
  expect(noMusic.predictedLufs).toBeCloseTo(-20, 1);
  const nothing = choose(silentVoice as never, { levels: createLevelTrack(), heardLu: 0, loopSeconds: 0 });
  expect(nothing.predictedLufs).toBeNull();
});

test("fails when a bed of nearly nothing is raised without end", () => {
  const levels = choose(voicesAt(-16), musicAt(-66));
  expect(levels).toMatchObject({ musicGainDb: 24, musicHeldBack: true });
});

const reading = { loudnessRangeLu: null, frames: 48_000 };
const bounds = { loudnessLufs: -16, ceilingDbtp: -1 };

test("fails when a result inside its bounds is made again", () => {
  const first = { reading: { ...reading, integratedLufs: -16.1, truePeakDbtp: -1 }, gainDb: 3, ceilingDbtp: -1 };
  expect(correct(first, bounds)).toBeNull();
  const silent = { reading: { ...reading, integratedLufs: null, truePeakDbtp: null }, gainDb: 0, ceilingDbtp: -1 };
  expect(correct(silent, bounds)).toBeNull();
});

test("fails when a correction does not move loudness and ceiling by what they miss", () => {
  const quiet = { reading: { ...reading, integratedLufs: -16.5, truePeakDbtp: -0.6 }, gainDb: 3, ceilingDbtp: -1.5 };
  const next = correct(quiet, bounds);
  expect(next?.gainDb).toBeCloseTo(3.5, 6);
  expect(next?.ceilingDbtp).toBeCloseTo(-2, 6);
});
