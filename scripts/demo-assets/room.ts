import type { Channel } from "./tools.ts";

/** A seeded generator of numbers in [0, 1): the same files on every run. Mulberry32 (T. Ettinger, public domain). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface RoomOptions {
  readonly sampleRateHz: number;
  readonly seed: number;
  /** Level of the voice while it speaks over that of the noise, dB. */
  readonly noiseSnrDb: number;
  /** The same for the hum. */
  readonly humSnrDb: number;
  readonly humHz: number;
  /** Share of pink in the noise's power, 0 (hiss) to 1 (rumble). */
  readonly pinkShare: number;
  /** Room tone before and after the voice, seconds. */
  readonly marginSeconds: number;
  /** Level of the voice while it speaks, dBFS RMS. */
  readonly voiceDbfs: number;
}

/** Puts a dry voice into a room with noise and mains hum. */
export function recordInRoom(voice: Channel, options: RoomOptions): Channel {
  const { sampleRateHz, voiceDbfs } = options;
  const margin = Math.round(options.marginSeconds * sampleRateHz);
  const room = new Float32Array(voice.length + 2 * margin);
  add(room, voice, margin, fromDb(voiceDbfs) / activeRms(voice, sampleRateHz));
  const noise = makeNoise(room.length, options);
  add(room, noise, 0, fromDb(voiceDbfs - options.noiseSnrDb) / rms(noise));
  const hum = makeHum(room.length, options);
  add(room, hum, 0, fromDb(voiceDbfs - options.humSnrDb) / rms(hum));
  return room;
}

function makeNoise(length: number, { seed, pinkShare }: RoomOptions): Channel {
  const random = createRandom(seed);
  const white = Float32Array.from({ length }, () => random() + random() + random() - 1.5);
  // Three first-order poles make pink noise within half a decibel (P. Kellet's "economy" filter).
  let [low, middle, high] = [0, 0, 0];
  const pink = white.map((value) => {
    low = 0.99765 * low + value * 0.099046;
    middle = 0.963 * middle + value * 0.2965164;
    high = 0.57 * high + value * 1.0526913;
    return low + middle + high + value * 0.1848;
  });
  const mixed = new Float32Array(length);
  add(mixed, pink, 0, Math.sqrt(pinkShare) / rms(pink));
  add(mixed, white, 0, Math.sqrt(1 - pinkShare) / rms(white));
  return mixed;
}

/** Mains hum: the fundamental and the harmonics that a rectifier adds, odd ones weaker than even ones. */
function makeHum(length: number, { sampleRateHz, humHz, seed }: RoomOptions): Channel {
  const random = createRandom(seed ^ 0x5f5f);
  const partials = [1, 0.7, 0.35, 0.3, 0.15, 0.18, 0.08, 0.1].map((level, index) => ({
    level,
    step: (2 * Math.PI * humHz * (index + 1)) / sampleRateHz,
    phase: 2 * Math.PI * random(),
  }));
  return Float32Array.from({ length }, (_, at) =>
    partials.reduce((sum, { level, step, phase }) => sum + level * Math.sin(step * at + phase), 0),
  );
}

function add(target: Channel, source: Channel, from: number, gain: number): void {
  for (const [at, value] of source.entries()) target[from + at] = (target[from + at] ?? 0) + value * gain;
}

const fromDb = (db: number): number => 10 ** (db / 20);

const rms = (samples: Channel): number =>
  Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length);

/** Level over the 20 ms frames within 30 dB of the loudest: pauses do not count. */
function activeRms(samples: Channel, sampleRateHz: number): number {
  const size = Math.round(sampleRateHz * 0.02);
  const powers = Array.from(
    { length: Math.floor(samples.length / size) },
    (_, frame) => rms(samples.subarray(frame * size, (frame + 1) * size)) ** 2,
  );
  const active = powers.filter((power) => power > Math.max(...powers) / 1_000);
  return Math.sqrt(active.reduce((sum, power) => sum + power, 0) / active.length);
}
