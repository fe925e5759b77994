import { expect, test } from "vitest";
import type { NoiseFindings } from "../../../../../worker/media/denoise/spectral-pauses.ts";
import { createNoiseSurvey } from "../../../../../worker/media/denoise/spectral-survey.ts";
import { type FanKind, makeFan, makeWhite, rms } from "../../../../fixtures/speech-noise.ts";

const rate = 16_000;

/** Bursts of harmonics with pauses between them, as syllables are. */
function makeSyllables(seconds: number, sampleRateHz = rate): Float32Array {
  const out = new Float32Array(seconds * sampleRateHz);
  for (let at = 0; at < out.length; at++) {
    const t = at / sampleRateHz;
    const open = Math.max(0, Math.sin(2 * Math.PI * 1.3 * t)) * (t % 3 < 2 ? 1 : 0);
    const pitch = 110 + 25 * Math.sin(2 * Math.PI * 0.7 * t);
    for (let k = 1; k * pitch < 3_500; k++)
      out[at] = (out[at] ?? 0) + (open / (k + 3)) * Math.sin(2 * Math.PI * k * pitch * t);
  }
  return out;
}

function survey(samples: Float32Array, channels = 1, chunk = 8_192): NoiseFindings {
  const noise = createNoiseSurvey({ sampleRateHz: rate, channels });
  for (let at = 0; at < samples.length; at += chunk * channels) noise.push(samples.subarray(at, at + chunk * channels));
  return noise.finish();
}

const at = (samples: Float32Array, levelDbfs: number): Float32Array => {
  const gain = 10 ** (levelDbfs / 20) / rms(samples);
  return samples.map((value) => value * gain);
};
const sum = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, index) => value + (b[index] ?? 0));

const speech = at(makeSyllables(9), -20);
const noises: readonly (readonly [string, Float32Array, NoiseFindings["texture"]])[] = [
  ["white", makeWhite(speech.length, 1), "white"],
  ...(["pink", "brown", "resonant", "speech-band"] satisfies FanKind[]).map(
    (kind) => [kind, makeFan(kind, speech.length, rate, 2), "coloured"] as const,
  ),
];

test.each(noises)("fails when %s noise under speech is not known, or its level is not", (_name, noise, texture) => {
  for (const levelDbfs of [-60, -40, -30]) {
    const found = survey(sum(speech, at(noise, levelDbfs)));
    expect(found.texture).toBe(texture);
    expect(Math.abs((found.noiseFloorDbfs ?? 0) - levelDbfs)).toBeLessThan(1.5);
    expect(Math.abs((found.speechDbfs ?? 0) + 18)).toBeLessThan(4);
  }
});

test("fails when the profile is not the noise's own spectrum", () => {
  const noise = at(makeFan("pink", speech.length, rate, 3), -35);
  const [learnt, alone] = [survey(sum(speech, noise)), survey(noise)].map((found) => found.profile?.channels[0]);
  const ratios = [...(learnt ?? [])].slice(8).map((power, index) => 10 * Math.log10(power / (alone?.[index + 8] ?? 1)));
  expect(Math.abs(ratios.reduce((total, value) => total + value, 0) / ratios.length)).toBeLessThan(0.7);
});

test("fails when silence, or a single beep in it, is taken for noise", () => {
  expect(survey(new Float32Array(4 * rate))).toMatchObject({
    noiseFloorDbfs: null,
    texture: "unsteady",
    profile: null,
  });
  const beep = new Float32Array(4 * rate);
  for (let i = rate; i < 2 * rate; i++) beep[i] = 0.3 * Math.sin(i / 5);
  expect(survey(beep).profile).toBeNull();
});

test("fails when held chords or changing voices are taken for a steady noise", () => {
  const chord = speech.map((_, i) =>
    [220, 277, 330, 440, 554].reduce((s, hz) => s + Math.sin((2 * Math.PI * hz * i) / rate), 0),
  );
  expect(survey(sum(speech, at(chord, -35))).profile).toBeNull();
  const voices: Float32Array[] = [3, 5, 7].map((shift) =>
    speech.map((_, i) => speech[(i + shift * 7_001) % speech.length] ?? 0),
  );
  expect(
    survey(
      sum(
        speech,
        at(
          voices.reduce((a, b) => sum(a, b)),
          -30,
        ),
      ),
    ).profile,
  ).toBeNull();
});

test("fails when noise without speech has something that stands above it", () => {
  for (const [, noise] of noises) expect(survey(at(noise, -30)).speechDbfs).toBeNull();
});

test("fails when an offset counts as noise", () => {
  const shifted = sum(speech, at(makeWhite(speech.length, 5), -60)).map((value) => value + 0.1);
  expect(survey(shifted).noiseFloorDbfs).toBeLessThan(-50);
});

test("fails when one channel's noise is laid upon the other", () => {
  const noise = at(makeWhite(speech.length, 6), -35);
  const stereo = new Float32Array(2 * speech.length);
  for (let i = 0; i < speech.length; i++) {
    stereo[2 * i] = (speech[i] ?? 0) + (noise[i] ?? 0);
    stereo[2 * i + 1] = speech[i] ?? 0;
  }
  const channels = survey(stereo, 2).profile?.channels;
  expect(channels?.[0]).toBeInstanceOf(Float64Array);
  expect(channels?.[1]).toBeNull();
});

test("fails when the findings depend on how the samples come", () => {
  const noisy = sum(speech, at(makeWhite(speech.length, 7), -35));
  const whole = survey(noisy, 1, noisy.length);
  expect(survey(noisy, 1, 777).noiseFloorDbfs).toBeCloseTo(whole.noiseFloorDbfs ?? 0, 1);
  expect(survey(noisy, 1, 777).texture).toBe(whole.texture);
});
