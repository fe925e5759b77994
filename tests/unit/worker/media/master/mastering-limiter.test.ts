import fc from "fast-check";
import { expect, test } from "vitest";
import { createMasteringLimiter, foreseeOver } from "../../../../../worker/media/master/mastering-limiter.ts";
import { createTruePeakLimiter } from "../../../../../worker/media/master/true-peak-limiter.ts";
import { createLoudnessMeter } from "../../../../../worker/media/meters/loudness-meter.ts";
import { createSameRoom } from "../../../../../worker/media/pcm/float-room.ts";
import { createRandom } from "../../../../fixtures/random.ts";
import { compareWaves, makeVoice, runFilter } from "./peak-signals.ts";

const rates = [8_000, 16_000, 44_100, 48_000, 96_000];

function measure(samples: Float32Array, rate: number, channels: number) {
  const meter = createLoudnessMeter({ sampleRateHz: rate, channels });
  meter.push(samples);
  return meter.finish();
}

/** Limited to -1 dBTP, told how far it is over. */
function limit(samples: Float32Array, gainDb: number, rate = 48_000, channels = 1, steps: readonly number[] = [9_999]) {
  const overDb = foreseeOver(measure(samples, rate, channels), { gainDb, limitDbtp: -1 });
  const options = { sampleRateHz: rate, channels, gainDb, ceilingDbtp: -1, room: createSameRoom() };
  const limiter = createMasteringLimiter({ ...options, overDb, startFrame: 0 });
  return { out: runFilter(limiter, samples, channels, steps), limited: limiter.limited(), overDb };
}

const random = createRandom(3);
const signals: Readonly<Record<string, (frames: number, rate: number) => Float32Array>> = {
  voice: (frames, rate) => makeVoice(rate, frames / rate).map((value) => 0.5 * value),
  noise: (frames) => Float32Array.from({ length: frames }, () => random() - 0.5),
  clicks: (frames) => Float32Array.from({ length: frames }, (_, at) => (at % 3_001 === 1_500 ? 0.5 : 0)),
  sine: (frames, rate) => Float32Array.from({ length: frames }, (_, at) => 0.5 * Math.sin((2_000 * at) / rate)),
  "high sine": (frames, rate) =>
    Float32Array.from({ length: frames }, (_, at) => 0.5 * Math.sin((0.45 * rate * at * 2 * Math.PI) / rate + 0.7)),
  square: (frames) => Float32Array.from({ length: frames }, (_, at) => (at % 300 < 150 ? 0.5 : -0.5)),
};

test.each(Object.keys(signals))("fails when %s passes the ceiling at any rate or gain, or loses a sample", (name) => {
  for (const rate of rates) {
    const samples = (signals[name] as (frames: number, rate: number) => Float32Array)(rate, rate);
    for (const gainDb of [6, 8, 10, 14, 24]) {
      const { out, limited } = limit(samples, gainDb, rate);
      expect(out).toHaveLength(samples.length);
      expect(limited).toBe(true);
      expect(measure(out, rate, 1).truePeakDbtp).toBeLessThanOrEqual(-1);
    }
  }
});

test("fails when two channels pass the ceiling, or the image of a voice in noise moves", () => {
  const voice = makeVoice(48_000, 2, [1, 0.5]);
  const samples = voice.map((value) => 0.5 * value + 0.002 * (random() - 0.5));
  const { out } = limit(samples, 10, 48_000, 2);
  expect(measure(out, 48_000, 2).truePeakDbtp).toBeLessThanOrEqual(-1);
  // Level between the channels, each 20 ms where there is voice.
  for (let at = 0; at + 1_920 <= out.length; at += 1_920) {
    const powers = [0, 1].map((channel) => {
      let sum = 0;
      for (let one = at + channel; one < at + 1_920; one += 2) sum += (out[one] as number) ** 2;
      return sum;
    });
    if ((powers[0] as number) > 1) {
      expect(Math.abs(10 * Math.log10((powers[0] as number) / (powers[1] as number)) - 6.02)).toBeLessThan(0.1);
    }
  }
});

test("fails when a voice that is 5 dB over keeps less of its wave than 20 dB, or no more than by gain alone", () => {
  const voice = makeVoice(48_000, 3);
  const gainDb = 4 - (measure(voice, 48_000, 1).truePeakDbtp ?? 0);
  const { out, overDb } = limit(voice, gainDb);
  expect(overDb).toBeCloseTo(5, 6);
  const plain = createTruePeakLimiter({ sampleRateHz: 48_000, channels: 1, gainDb, ceilingDbtp: -1 });
  const byGain = compareWaves(runFilter(plain, voice, 1, [voice.length]), voice);
  expect(compareWaves(out, voice)).toBeGreaterThan(Math.max(20, byGain + 3));
});

test("fails when sound that is little over is treated by more than the limiter", () => {
  const voice = makeVoice(48_000, 1);
  const { out, overDb } = limit(voice, 0.5);
  expect(overDb).toBeLessThan(2);
  const plain = createTruePeakLimiter({ sampleRateHz: 48_000, channels: 1, gainDb: 0.5, ceilingDbtp: -1 });
  expect(out).toEqual(runFilter(plain, voice, 1, [voice.length]));
});

test("fails when the result depends on how the stream was cut", () => {
  const voice = makeVoice(16_000, 2, [0.9, 1]);
  const whole = limit(voice, 7, 16_000, 2).out;
  const anySteps = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(anySteps, (steps) => {
      expect(limit(voice, 7, 16_000, 2, steps).out).toEqual(whole);
    }),
    { numRuns: 12 },
  );
});

test("fails when nothing, one sample or silence breaks it", () => {
  const options = { sampleRateHz: 48_000, channels: 2, gainDb: 40, ceilingDbtp: -1, overDb: 9, startFrame: 5 };
  for (const length of [0, 2, 20_000]) {
    const silence = new Float32Array(length);
    const limiter = createMasteringLimiter(options);
    expect(runFilter(limiter, silence, 2, [length])).toEqual(silence);
    expect(limiter.limited()).toBe(false);
  }
});
