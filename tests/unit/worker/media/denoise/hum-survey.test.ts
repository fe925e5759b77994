import { expect, test } from "vitest";
import { createHumSurvey } from "../../../../../worker/media/denoise/hum-survey.ts";
import { createWords } from "../../../../fixtures/random.ts";

function survey(sampleRateHz: number, seconds: number, make: (seconds: number) => number, channels = 1) {
  const frames = Math.round(seconds * sampleRateHz);
  const samples = Float32Array.from({ length: frames * channels }, (_, at) =>
    make(Math.floor(at / channels) / sampleRateHz),
  );
  const hum = createHumSurvey({ sampleRateHz, channels });
  for (let at = 0; at < samples.length; at += 5_000 * channels) hum.push(samples.subarray(at, at + 5_000 * channels));
  return hum.finish();
}

const next = createWords(7);
const noise = () => next() / 2 ** 31 - 1;
const sine = (hz: number, amplitude: number) => (at: number) => amplitude * Math.sin(2 * Math.PI * hz * at);
/** A voice-like tone that glides, and pauses every second. */
const voice = (at: number) => (at % 1 < 0.7 ? 0.3 * Math.sin(2 * Math.PI * (140 * at + 15 * Math.sin(3 * at))) : 0);

test("fails when hum under noise and voice is missed at a usual rate, or its frequency is off by 0.1 Hz", () => {
  for (const rate of [8_000, 16_000, 44_100, 48_000, 96_000]) {
    const found = survey(rate, 8, (at) => voice(at) + 0.01 * noise() + sine(50.06, 0.03)(at) + sine(150.18, 0.02)(at));
    expect(Math.abs((found?.fundamentalHz ?? 0) - 50.06)).toBeLessThan(0.1);
    expect(found?.harmonics).toEqual([1, 3]);
  }
});

test("fails when 60 Hz is taken for 50, although both have 300 Hz among their multiples", () => {
  const found = survey(
    48_000,
    6,
    (at) => 0.003 * noise() + sine(60, 0.02)(at) + sine(120, 0.02)(at) + sine(300, 0.02)(at),
  );
  expect(found?.fundamentalHz).toBeCloseTo(60, 1);
  expect(found?.harmonics).toEqual([1, 2, 5]);
});

test("fails when noise, a voice, a single tone beside the mains or silence is called hum", () => {
  expect(survey(48_000, 6, noise)).toBeNull();
  expect(survey(48_000, 6, voice)).toBeNull();
  expect(survey(48_000, 6, (at) => sine(55, 0.1)(at) + 0.001 * noise())).toBeNull();
  expect(survey(48_000, 6, () => 0)).toBeNull();
  // There and gone again: not hum.
  expect(survey(48_000, 8, (at) => (at < 4 ? sine(50, 0.1)(at) + sine(100, 0.1)(at) : 0) + 0.001 * noise())).toBeNull();
});

test("fails when hum in stereo is missed, or a second of sound is judged", () => {
  const hum = (at: number) => sine(50, 0.02)(at) + sine(100, 0.02)(at) + 0.001 * noise();
  expect(survey(48_000, 5, hum, 2)?.harmonics).toEqual([1, 2]);
  expect(survey(48_000, 1, hum)).toBeNull();
});
