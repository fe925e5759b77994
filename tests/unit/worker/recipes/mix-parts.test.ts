import { expect, test } from "vitest";
import { parseParams } from "../../../../core/kinds/index.ts";
import { createLevelTrack } from "../../../../worker/media/duck/speech-levels.ts";
import { createMixForecast } from "../../../../worker/recipes/mix-forecast.ts";
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
    ...{ startSeconds: 10 * index, levels: steady(10, lufs), peaks: steady(10, lufs + 12), heardLu: 0 },
    spans: [{ startSeconds: 0, endSeconds: 10 }],
  }));

const musicAt = (lufs: number, heardLu = 0) => ({
  ...{ levels: steady(30, lufs), peaks: steady(30, lufs + 10), truePeakDbtp: (lufs + 0.691 + 10.5) as number | null },
  ...{ heardLu, loopSeconds: 29.95 },
});

const choose = (voices: ReturnType<typeof voicesAt>, music: ReturnType<typeof musicAt>, params: object = {}) =>
  chooseMixLevels({ voices, music, totalSeconds: 10 * voices.length }, parseParams("mix", params));

/** Loudness of the mix with these gains of the whole and a limiter. */
function foretell(
  voices: ReturnType<typeof voicesAt>,
  music: ReturnType<typeof musicAt>,
  gainDb = 0,
  ceilingDbtp = Number.POSITIVE_INFINITY,
) {
  const sound = { voices, music, totalSeconds: 10 * voices.length };
  return createMixForecast(sound, choose(voices, music), 12).lufsAt(gainDb, ceilingDbtp);
}

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
  const sum = 10 * Math.log10(10 ** (-20 / 10) + 10 ** (-32 / 10));
  expect(foretell(voicesAt(-20), musicAt(-30))).toBeCloseTo(sum, 1);
  expect(foretell(voicesAt(-20), musicAt(-30), 7)).toBeCloseTo(sum + 7, 1);
});

test("fails when a limiter that takes 3 dB off every peak of the voice is not foretold", () => {
  // Magnitudes of the voices lie 12 dB above their level (-0.691 is the offset of loudness).
  const peakDb = -20 + 0.691 + 12;
  const voices = voicesAt(-20);
  expect(foretell(voices, musicAt(-70), 0, peakDb - 3)).toBeCloseTo(-23 + 0.05, 1);
  expect(foretell(voices, musicAt(-70), 0, peakDb + 0.1)).toBeCloseTo(-20, 1);
});

test("fails when the highest peak of the sum is foretold too low, or far too high", () => {
  const sound = { voices: voicesAt(-20), music: musicAt(-30), totalSeconds: 10 };
  const levels = choose(sound.voices, sound.music);
  const peak = createMixForecast(sound, levels, 12).peakAt(3, Number.POSITIVE_INFINITY);
  // All speech: the music is 12 dB down throughout.
  const [voice, bed] = [-20 + 0.691 + 12 + 3, -30 + 0.691 + 10.5 + levels.musicGainDb - 12 + 3];
  expect(peak).toBeCloseTo(20 * Math.log10(10 ** (voice / 20) + 10 ** (bed / 20)), 1);
  expect(createMixForecast(sound, levels, 12).peakAt(3, -10)).toBeLessThan(peak - 3);
});

test("fails when silence on either side, or on both, gives a number that is none", () => {
  const nobody = [{ ...voicesAt(-20)[0], levels: createLevelTrack(), peaks: createLevelTrack(), spans: [] }] as never;
  const silent = { levels: createLevelTrack(), peaks: createLevelTrack(), truePeakDbtp: null };
  const nothing = { ...silent, heardLu: 0, loopSeconds: 0 };
  expect(choose(nobody, musicAt(-30))).toMatchObject({ musicGainDb: 0, musicLuBelow: null, speech: [] });
  expect(foretell(nobody, musicAt(-30))).toBeCloseTo(-30, 0);
  expect(choose(voicesAt(-20), nothing)).toMatchObject({ musicGainDb: 0, musicLuBelow: null });
  expect(foretell(voicesAt(-20), nothing)).toBeCloseTo(-20, 1);
  expect(foretell(nobody, nothing)).toBeNull();
});

test("fails when a bed of nearly nothing is raised without end", () => {
  const levels = choose(voicesAt(-16), musicAt(-66));
  expect(levels).toMatchObject({ musicGainDb: 24, musicHeldBack: true });
});
