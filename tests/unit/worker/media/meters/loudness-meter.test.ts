import { expect, test } from "vitest";
import { createLoudnessMeter } from "../../../../../worker/media/meters/loudness-meter.ts";
import { buildPhases, peakAround } from "../../../../../worker/media/meters/true-peak.ts";
import { createRandom } from "../../../../fixtures/random.ts";

/** Interleaved sine of `hz` in all channels. */
function sine(
  hz: number,
  amplitude: number,
  seconds: number,
  sampleRateHz: number,
  channels: number,
  phase = 0,
): Float32Array {
  const samples = new Float32Array(Math.round(seconds * sampleRateHz) * channels);
  for (let at = 0; at < samples.length; at++) {
    samples[at] = amplitude * Math.sin((2 * Math.PI * hz * Math.floor(at / channels)) / sampleRateHz + phase);
  }
  return samples;
}

function read(samples: Float32Array, sampleRateHz: number, channels: number, step = samples.length) {
  const meter = createLoudnessMeter({ sampleRateHz, channels });
  for (let at = 0; at < samples.length; at += step) meter.push(samples.subarray(at, at + step));
  return meter.finish();
}

const fullScaleDb = (decibels: number) => 10 ** (decibels / 20);

test("fails when the reference tone of EBU Tech 3341 (1 kHz, −23 dBFS, stereo) is not −23 LUFS at every rate", () => {
  for (const rate of [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000]) {
    const { integratedLufs } = read(sine(1_000, fullScaleDb(-23), 5, rate, 2), rate, 2);
    expect(Math.abs((integratedLufs ?? 0) + 23)).toBeLessThan(0.1);
  }
});

test("fails when the relative gate lets 10 s at −36 LUFS pull down 60 s at −23 (Tech 3341, case 3)", () => {
  const quiet = sine(1_000, fullScaleDb(-36), 10, 48_000, 2);
  const loud = sine(1_000, fullScaleDb(-23), 60, 48_000, 2);
  const whole = new Float32Array(2 * quiet.length + loud.length);
  whole.set(quiet);
  whole.set(loud, quiet.length);
  whole.set(quiet, quiet.length + loud.length);
  expect(Math.abs((read(whole, 48_000, 2).integratedLufs ?? 0) + 23)).toBeLessThan(0.1);
});

test("fails when loudness range of 20 s at −20 and 20 s at −30 LUFS is not 10 LU (Tech 3342, case 1)", () => {
  const first = sine(1_000, fullScaleDb(-20), 20, 48_000, 2);
  const whole = new Float32Array(2 * first.length);
  whole.set(first);
  whole.set(sine(1_000, fullScaleDb(-30), 20, 48_000, 2), first.length);
  expect(Math.abs((read(whole, 48_000, 2).loudnessRangeLu ?? 0) - 10)).toBeLessThan(1);
});

test("fails when mono is not 3 LU under the same in two channels", () => {
  const difference =
    (read(sine(997, 0.1, 2, 48_000, 2), 48_000, 2).integratedLufs ?? 0) -
    (read(sine(997, 0.1, 2, 48_000, 1), 48_000, 1).integratedLufs ?? 0);
  expect(difference).toBeCloseTo(3.01, 1);
});

test("fails when a peak between samples is missed: a quarter of the rate, 45° off, shows 3 dB less in its samples", () => {
  // Faded in and out: an abrupt edge has a peak of its own.
  const tone = sine(12_000, 0.5, 1, 48_000, 1, Math.PI / 4).map(
    (value, at) => value * Math.sin((Math.PI * at) / 48_000),
  );
  expect(Math.abs((read(tone, 48_000, 1).truePeakDbtp ?? 0) - 20 * Math.log10(0.5))).toBeLessThan(0.02);
});

test.each(["noise", "signs"])(
  "fails when a peak of %s is missed because the samples beside it are no peaks",
  (kind) => {
    const next = createRandom(kind.length);
    const phases = buildPhases(4);
    for (let turn = 0; turn < 20; turn++) {
      const samples = Float32Array.from({ length: 200 + 37 * turn }, () =>
        kind === "noise" ? next() - 0.5 : Math.sign(next() - 0.5) / 2,
      );
      const padded = new Float32Array(samples.length + 64);
      padded.set(samples, 32);
      let highest = 0;
      for (let at = 16; at < padded.length - 16; at++) highest = Math.max(highest, peakAround(padded, at, phases));
      const meter = createLoudnessMeter({ sampleRateHz: 48_000, channels: 1 });
      meter.push(samples);
      expect(meter.finish().truePeakDbtp).toBeCloseTo(20 * Math.log10(highest), 3);
    }
  },
);

test("fails when a peak at the very start or end is missed", () => {
  for (const at of [0, 4_799]) {
    const samples = new Float32Array(4_800);
    samples[at] = 0.7;
    expect(read(samples, 48_000, 1).truePeakDbtp ?? -99).toBeGreaterThan(20 * Math.log10(0.7) - 0.01);
  }
});

test("fails when the reading depends on how the stream was cut", () => {
  const noise = Float32Array.from({ length: 96_000 }, (_, at) => Math.sin(at * at * 0.001) * 0.4);
  const whole = read(noise, 44_100, 2);
  for (const step of [2, 38, 4_410 * 2, 30_002]) {
    const cut = read(noise, 44_100, 2, step);
    expect(cut.frames).toBe(whole.frames);
    expect(cut.integratedLufs).toBeCloseTo(whole.integratedLufs ?? 0, 9);
    expect(cut.truePeakDbtp).toBeCloseTo(whole.truePeakDbtp ?? 0, 9);
  }
});

test("fails when silence or less than 0.4 s gets a loudness", () => {
  expect(read(new Float32Array(96_000), 48_000, 1)).toEqual({
    integratedLufs: null,
    loudnessRangeLu: null,
    truePeakDbtp: null,
    frames: 96_000,
  });
  const short = read(sine(1_000, 0.5, 0.39, 48_000, 1), 48_000, 1);
  expect(short.integratedLufs).toBeNull();
  expect(short.truePeakDbtp).toBeCloseTo(-6.02, 1);
});

test("fails when the interpolator bends a constant or a slow tone", () => {
  const phases = buildPhases(4);
  for (const phase of phases) expect(phase.reduce((sum, tap) => sum + tap, 0)).toBeCloseTo(1, 12);
  const tone = Float32Array.from({ length: 200 }, (_, at) => Math.sin((2 * Math.PI * at) / 97.3));
  const truth = Math.max(
    ...Array.from({ length: 9 }, (_, step) => Math.abs(Math.sin((2 * Math.PI * (72 + step / 4)) / 97.3))),
  );
  expect(Math.abs(peakAround(tone, 73, phases) - truth)).toBeLessThan(1e-3);
});
