import { createFft } from "./fft.ts";
import type { FrameFilter } from "./frame-filter.ts";
import type { NoiseProfile } from "./noise-survey.ts";
import { addPairPower } from "./noise-survey.ts";
import { buildRootHann } from "./stft-window.ts";

export interface DenoiserOptions {
  readonly channels: number;
  readonly profile: NoiseProfile;
  /** How far noise is taken down at the most. */
  readonly depthDb: number;
}

export interface Denoiser extends FrameFilter {
  /** Speech power that was kept, of what stood 10 dB above the noise, dB; 0 when there was none. */
  keptSpeechDb(): number;
}

/** Weight of the last frame's estimate in the a-priori SNR, at a hop of a quarter window. */
const memory = 0.9;

/**
 * Wiener filter with decision-directed a-priori SNR (Ephraim & Malah 1984) against a fixed noise profile, quarter-window
 * hops, one gain for all channels so that the stereo image stays.
 */
export function createDenoiser({ channels, profile, depthDb }: DenoiserOptions): Denoiser {
  const size = profile.windowSize;
  const hop = size / 4;
  const bins = size / 2 + 1;
  const fft = createFft(size);
  const window = buildRootHann(size);
  // The squares of four root-Hann windows, a quarter apart, sum to 2.
  const synthesis = window.map((weight) => weight / 2);
  const state = {
    gains: new Float64Array(bins),
    kept: new Float64Array(bins),
    lowest: 10 ** (-depthDb / 20),
    speechIn: 0,
    speechOut: 0,
  };
  const history = Array.from({ length: channels }, () => new Float64Array(size));
  const overlap = Array.from({ length: channels }, () => new Float64Array(size));
  const power = new Float64Array(bins);
  const pairs = Array.from({ length: Math.ceil(channels / 2) }, () => ({
    re: new Float64Array(size),
    im: new Float64Array(size),
  }));
  const noiseSum = profile.power.reduce((sum, value) => sum + value, 0);
  let filled = 0;
  let taken = 0;
  let given = 0;
  // What comes out before the first input sample.
  let skip = size - hop;

  const transform = (): void => {
    power.fill(0);
    for (const [index, { re, im }] of pairs.entries()) {
      const left = history[2 * index] as Float64Array;
      const right = history[2 * index + 1];
      for (let at = 0; at < size; at++) {
        const weight = window[at] as number;
        re[at] = (left[at] as number) * weight;
        im[at] = right === undefined ? 0 : (right[at] as number) * weight;
      }
      fft.forward(re, im);
      addPairPower(re, im, power);
    }
  };

  const restore = (): void => {
    const { gains } = state;
    for (const [index, { re, im }] of pairs.entries()) {
      applyGains(re, gains);
      applyGains(im, gains);
      fft.inverse(re, im);
      addWindowed(overlap[2 * index] as Float64Array, re, synthesis);
      const right = overlap[2 * index + 1];
      if (right !== undefined) addWindowed(right, im, synthesis);
    }
  };

  /** One hop: `filled` new samples stand at the end of `history`. */
  const step = (out: Float32Array, at: number): number => {
    transform();
    estimateGains(power, profile.power, noiseSum, state);
    restore();
    const from = Math.min(skip, hop);
    skip -= from;
    for (let channel = 0; channel < channels; channel++) {
      const source = overlap[channel] as Float64Array;
      for (let i = from; i < hop; i++) out[(at + i - from) * channels + channel] = source[i] as number;
      source.copyWithin(0, hop);
      source.fill(0, size - hop);
      const past = history[channel] as Float64Array;
      past.copyWithin(0, hop);
    }
    return hop - from;
  };

  const run = (samples: Float32Array | null, count: number): Float32Array => {
    const out = new Float32Array((Math.ceil((filled + count) / hop) + 1) * hop * channels);
    let written = 0;
    for (let frame = 0; frame < count; ) {
      const take = Math.min(hop - filled, count - frame);
      for (let channel = 0; channel < channels; channel++) {
        const target = history[channel] as Float64Array;
        const start = size - hop + filled;
        for (let i = 0, at = frame * channels + channel; i < take; i++, at += channels) {
          target[start + i] = samples === null ? 0 : (samples[at] as number);
        }
      }
      frame += take;
      filled += take;
      if (filled === hop) {
        written += step(out, written);
        filled = 0;
      }
    }
    const kept = Math.min(written, taken - given);
    given += kept;
    return out.subarray(0, kept * channels);
  };

  return {
    push(samples) {
      const count = samples.length / channels;
      taken += count;
      return run(samples, count);
    },
    finish: () => run(null, size),
    keptSpeechDb: () => (state.speechIn > 0 ? 10 * Math.log10(state.speechOut / state.speechIn) : 0),
  };
}

function estimateGains(
  power: Float64Array,
  noise: Float64Array,
  noiseSum: number,
  state: { gains: Float64Array; kept: Float64Array; lowest: number; speechIn: number; speechOut: number },
): void {
  const { gains, kept, lowest } = state;
  let total = 0;
  let speech = 0;
  let out = 0;
  for (let bin = 0; bin < power.length; bin++) {
    const level = power[bin] as number;
    const floor = (noise[bin] as number) + 1e-20;
    const above = level > floor ? level - floor : 0;
    const snr = (memory * (kept[bin] as number) + (1 - memory) * above) / floor;
    const gain = snr / (1 + snr);
    const clean = gain * gain * level;
    kept[bin] = clean;
    gains[bin] = gain > lowest ? gain : lowest;
    total += level;
    speech += above;
    out += clean;
  }
  if (total > 10 * noiseSum) {
    state.speechIn += speech;
    state.speechOut += out;
  }
}

function applyGains(part: Float64Array, gains: Float64Array): void {
  const size = part.length;
  const half = size / 2;
  part[0] = (part[0] as number) * (gains[0] as number);
  part[half] = (part[half] as number) * (gains[half] as number);
  for (let bin = 1; bin < half; bin++) {
    const gain = gains[bin] as number;
    part[bin] = (part[bin] as number) * gain;
    part[size - bin] = (part[size - bin] as number) * gain;
  }
}

function addWindowed(target: Float64Array, source: Float64Array, window: Float64Array): void {
  for (let at = 0; at < target.length; at++) {
    target[at] = (target[at] as number) + (source[at] as number) * (window[at] as number);
  }
}
