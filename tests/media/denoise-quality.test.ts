import { beforeAll, describe, expect, test } from "vitest";
import { createRealFft } from "../../worker/media/denoise/spectral-fft.ts";
import {
  cutNarration,
  type FanKind,
  filterOnePole,
  makeBabble,
  makeFan,
  makeWhite,
  mixAtSnr,
  readMusic,
  rms,
  siSdrDb,
  speakNarration,
  voices,
} from "../fixtures/speech-noise.ts";
import { runClean, writeWav } from "./clean-fixtures.ts";
import { decode, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const rate = 48_000;
const speech: Float32Array[] = [];
let babble: Float32Array = new Float32Array(0);
let music: Float32Array = new Float32Array(0);

beforeAll(async () => {
  // Ten seconds: short for the machine, long enough for pauses.
  for (const voice of voices) speech.push(cutNarration(await speakNarration(voice, rate), 10, rate));
  babble = await makeBabble(10 * rate, rate, 6);
  music = await readMusic(rate);
});

/** The whole recipe on `samples`, WAV in and out, so quiet that the limiter has nothing to do. */
async function cleanSamples(samples: Float32Array, sampleRateHz = rate, channels = 1) {
  const path = fixtures.file(`in-${Math.random().toString(36).slice(2)}.wav`);
  await writeWav(path, samples, sampleRateHz, channels);
  const result = await runClean(fixtures, path, { loudnessLufs: -30 });
  return { samples: await decode(result.path), result };
}

/** Levels of the third octaves from 125 Hz to 8 kHz, dB. */
function measureThirdOctaves(samples: Float32Array): number[] {
  const size = 8_192;
  const fft = createRealFft(size);
  const [re, im] = [new Float64Array(size / 2 + 1), new Float64Array(size / 2 + 1)];
  const powers = new Float64Array(19);
  for (let from = 0; from + size <= samples.length; from += size / 2) {
    const framed = Float64Array.from(
      { length: size },
      (_, at) => (samples[from + at] ?? 0) * Math.sin((Math.PI * at) / size),
    );
    fft.forward(framed, re, im);
    for (let bin = 1; bin < size / 2; bin++) {
      const band = Math.round(3 * Math.log2((bin * rate) / size / 125));
      if (band >= 0 && band < powers.length)
        powers[band] = (powers[band] ?? 0) + (re[bin] ?? 0) ** 2 + (im[bin] ?? 0) ** 2;
    }
  }
  return [...powers].map((power) => 10 * Math.log10(power));
}

const voiceAt = (index: number): Float32Array => speech[index] ?? new Float32Array(0);

/** Gain in SI-SDR of the whole recipe, dB. */
async function measureGain(reference: Float32Array, noise: Float32Array, snrDb: number): Promise<number> {
  const noisy = mixAtSnr(reference, noise, snrDb);
  const { samples } = await cleanSamples(noisy);
  expect(samples).toHaveLength(noisy.length);
  return siSdrDb(samples, reference) - siSdrDb(noisy, reference);
}

const whiteBars = [
  { snrDb: 5, barDb: 8.5 },
  { snrDb: 10, barDb: 8 },
  { snrDb: 15, barDb: 7 },
];
const fanBars = [
  { snrDb: 5, barDb: 5 },
  { snrDb: 10, barDb: 4.5 },
  { snrDb: 15, barDb: 4 },
];

describe.each(whiteBars)("white noise at $snrDb dB SNR", ({ snrDb, barDb }) => {
  test.each(voices.map((voice, index) => ({ name: voice.name, index })))(
    `fails when ${barDb} dB are not gained with $name`,
    async ({ index }) => {
      const gain = await measureGain(voiceAt(index), makeWhite(10 * rate, 71 + index), snrDb);
      expect(gain).toBeGreaterThanOrEqual(barDb);
    },
  );
});

describe.each(fanBars)("fan-like noise at $snrDb dB SNR", ({ snrDb, barDb }) => {
  const cases = (["pink", "brown"] satisfies FanKind[]).flatMap((kind) => [
    { kind, index: 0 },
    { kind, index: 3 },
  ]);
  test.each(cases)(
    `fails when ${barDb} dB are not gained on $kind noise with voice $index`,
    async ({ kind, index }) => {
      const gain = await measureGain(voiceAt(index), makeFan(kind, 10 * rate, rate, 81 + index), snrDb);
      expect(gain).toBeGreaterThanOrEqual(barDb);
    },
  );

  // These hide under the vowels themselves: less can be gained, but it must be worth having.
  test.each(["resonant", "speech-band"] satisfies FanKind[])(
    "fails when too little is gained on %s noise",
    async (kind) => {
      const gain = await measureGain(voiceAt(1), makeFan(kind, 10 * rate, rate, 91), snrDb);
      expect(gain).toBeGreaterThanOrEqual(barDb - 1);
    },
  );
});

test.each([0, 5, 10, 20])("fails when voices or music %d dB under the speech are filtered", async (snrDb) => {
  for (const background of [babble, music]) {
    // Quieter, so that nothing is clipped on the way.
    const noisy = mixAtSnr(voiceAt(0), background, snrDb).map((value) => value / 4);
    const { samples, result } = await cleanSamples(noisy);
    expect(result.report.treatment?.denoiser).toBeNull();
    expect(siSdrDb(samples, noisy)).toBeGreaterThan(35);
  }
});

test.each(voices.map((voice, index) => ({ name: voice.name, index })))(
  "fails when clean speech of $name, in silence or in a quiet room, is harmed",
  async ({ index }) => {
    const voice = voiceAt(index);
    const room = filterOnePole(makeWhite(voice.length, 7), 1_000, rate);
    for (const roomDb of [Number.NEGATIVE_INFINITY, -55, -40]) {
      const level = (rms(voice) / rms(room)) * 10 ** (roomDb / 20);
      const input = voice.map((value, at) => value + level * (room[at] ?? 0));
      const { samples } = await cleanSamples(input);
      expect(siSdrDb(samples, input)).toBeGreaterThanOrEqual(35);
      const [before, after] = [input, samples].map(measureThirdOctaves);
      const changes = (after ?? []).map((level, band) => level - (before?.[band] ?? 0));
      // Against each other: the gain to the target is common to all.
      const common = [...changes].sort((a, b) => a - b)[changes.length >> 1] ?? 0;
      expect(Math.min(...changes) - common).toBeGreaterThan(-0.5);
    }
  },
);

test("fails when music alone or silence is taken for noise", async () => {
  for (const input of [
    music.subarray(0, 8 * rate),
    new Float32Array(4 * rate),
    makeWhite(4 * rate, 1).map((v) => v / 20),
  ]) {
    const { result } = await cleanSamples(input);
    expect(result.report.treatment?.denoiser).toBeNull();
  }
});

test("fails when the result is not where the input was, to the sample", async () => {
  const clicks = new Float32Array(8 * rate);
  for (let at = 0.4 * rate; at < clicks.length; at += 0.9 * rate) clicks[Math.round(at)] = 0.9;
  const noisy = mixAtSnr(voiceAt(0).subarray(0, 8 * rate), makeWhite(8 * rate, 5), 15).map(
    (v, i) => v + (clicks[i] ?? 0),
  );
  const { samples, result } = await cleanSamples(noisy);
  expect(result.report.treatment?.denoiser).not.toBeNull();
  let best = { lag: 0, score: 0 };
  for (let lag = -50; lag <= 50; lag++) {
    let score = 0;
    for (let at = 100; at < samples.length - 100; at++) score += (clicks[at] ?? 0) * (samples[at + lag] ?? 0);
    if (score > best.score) best = { lag, score };
  }
  expect(best.lag).toBe(0);
});

test.each([8_000, 16_000, 22_050, 44_100, 96_000])("fails when noise at %d Hz is not reduced", async (sampleRateHz) => {
  const voice = (await speakNarration(voices[0] as (typeof voices)[number], sampleRateHz)).subarray(
    0,
    8 * sampleRateHz,
  );
  const noisy = mixAtSnr(voice, makeFan("pink", voice.length, sampleRateHz, 3), 10);
  const { samples } = await cleanSamples(noisy, sampleRateHz);
  expect(siSdrDb(samples, voice) - siSdrDb(noisy, voice)).toBeGreaterThanOrEqual(4.5);
});

test("fails when a quiet channel suffers from the other one's noise", async () => {
  const [left, right] = [mixAtSnr(voiceAt(0), makeWhite(10 * rate, 9), 10), voiceAt(1)];
  const stereo = new Float32Array(20 * rate);
  for (let at = 0; at < 10 * rate; at++) {
    stereo[2 * at] = left[at] ?? 0;
    stereo[2 * at + 1] = right[at] ?? 0;
  }
  const { samples } = await cleanSamples(stereo, rate, 2);
  const pick = (channel: number) => samples.filter((_, at) => at % 2 === channel);
  expect(siSdrDb(pick(0), voiceAt(0))).toBeGreaterThanOrEqual(17);
  expect(siSdrDb(pick(1), voiceAt(1))).toBeGreaterThanOrEqual(30);
});
