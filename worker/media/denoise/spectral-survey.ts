import { startFourier } from "../../kernels/start-fourier.ts";
import {
  buildBandEdges,
  classCount,
  type LevelClass,
  lowestClassDb,
  speechBandHz,
  toDbfs,
  watchStep,
} from "./spectral-bands.ts";
import { describePauses, type NoiseFindings } from "./spectral-pauses.ts";
import { buildRootHann, chooseWindow } from "./stft-window.ts";

export interface NoiseSurvey {
  /** Interleaved whole frames. */
  push(samples: Float32Array): void;
  finish(): NoiseFindings;
  sums(): NoiseSums;
}

export type NoiseSums = (LevelClass | undefined)[];

interface NoiseFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Every so many windows are looked at; hours tell no more than the same share of them does. @default 1 */
  readonly stride?: number;
}

/**
 * Learns what the pauses of a recording sound like, in one pass and constant memory: spectra are summed by the level of
 * their frame, and only at the end is it decided which levels are pauses. The level is the mean over third octaves of the
 * logarithm: so a faint consonant stands out of a noise that is loud elsewhere in the spectrum.
 */
export function createNoiseSurvey(format: NoiseFormat): NoiseSurvey {
  const { sampleRateHz, channels, stride = 1 } = format;
  const size = chooseWindow(sampleRateHz);
  const bins = size / 2 + 1;
  const kernel = startFourier("survey", [size], buildRootHann(size));
  const window = kernel.floats(kernel.read("samples"), size);
  const spectrum = kernel.floats(kernel.read("powers"), bins);
  const edges = buildBandEdges(sampleRateHz, size);
  const toBin = (hz: number) => Math.min(bins - 1, Math.round((hz * size) / sampleRateHz));
  const [low, high] = [toBin(speechBandHz.low), toBin(speechBandHz.high)];
  const classes: (LevelClass | undefined)[] = Array.from({ length: classCount });
  const pending = Array.from({ length: channels }, () => new Float32Array(size));
  const powers = Array.from({ length: channels }, () => new Float32Array(bins));
  const sums = new Float64Array(channels);
  let filled = 0;
  let taken = 0;
  // Frames until the next window that is looked at.
  let skip = 0;

  const analyse = (): void => {
    for (const [channel, source] of pending.entries()) {
      // An offset is taken off elsewhere: here it would pass for a noise.
      const offset = (sums[channel] as number) / taken;
      window.set(source);
      kernel.call("transform", offset);
      powers[channel]?.set(spectrum);
    }
  };

  /** Mean over the bands of the level of all channels, dB. */
  const measureLevel = (): number => {
    let sum = 0;
    for (let band = 0; band + 1 < edges.length; band++) {
      const to = edges[band + 1] as number;
      let energy = 0;
      for (const power of powers) for (let bin = edges[band] as number; bin < to; bin++) energy += power[bin] as number;
      sum += toDbfs(energy, size, channels, lowestClassDb);
    }
    return sum / Math.max(1, edges.length - 1);
  };

  const classify = (): void => {
    const level = measureLevel();
    // Digital silence is no pause that could be learnt from.
    if (level < lowestClassDb + 1) return;
    const index = Math.min(classCount - 1, Math.floor(level - lowestClassDb));
    classes[index] ??= createClass(channels, bins);
    const entry = classes[index];
    entry.count++;
    for (const [channel, power] of powers.entries()) {
      const [sum, logs] = [entry.power[channel] as Float64Array, entry.logs[channel] as Float64Array];
      for (let bin = 0; bin < bins; bin++) sum[bin] = (sum[bin] as number) + (power[bin] as number);
      for (let bin = 0, at = 0; bin < bins; bin += watchStep, at++) {
        logs[at] = (logs[at] as number) + 10 * Math.log10((power[bin] as number) + 1e-30);
      }
      let energy = 0;
      for (let bin = low; bin <= high; bin++) energy += power[bin] as number;
      entry.energy += energy;
    }
  };

  return {
    push(samples) {
      const count = Math.floor(samples.length / channels);
      for (let frame = 0; frame < count; ) {
        const skipped = Math.min(skip, count - frame);
        skip -= skipped;
        frame += skipped;
        const take = Math.min(size - filled, count - frame);
        for (let channel = 0; channel < channels; channel++) {
          const target = pending[channel] as Float32Array;
          let sum = 0;
          for (let i = 0, at = frame * channels + channel; i < take; i++, at += channels) {
            const value = samples[at] as number;
            target[filled + i] = value;
            sum += value;
          }
          sums[channel] = (sums[channel] as number) + sum;
        }
        frame += take;
        filled += take;
        taken += take;
        if (filled < size) continue;
        analyse();
        classify();
        // Half overlap: short pauses would fall between frames that lie end to end.
        filled = stride === 1 ? size / 2 : 0;
        if (stride === 1) for (const target of pending) target.copyWithin(0, size / 2);
        else skip = ((stride - 2) * size) / 2;
      }
    },
    finish: () => describeNoise(classes, format),
    sums: () => classes,
  };
}

/** As `finish`. */
export const describeNoise = (sums: NoiseSums, { sampleRateHz, channels }: NoiseFormat): NoiseFindings =>
  describePauses(sums, { sampleRateHz, windowSize: chooseWindow(sampleRateHz), channels });

export function addNoise(into: NoiseSums, sums: NoiseSums): void {
  for (const [index, entry] of sums.entries()) {
    const own = into[index];
    if (entry === undefined) continue;
    if (own === undefined) {
      into[index] = entry;
      continue;
    }
    own.count += entry.count;
    own.energy += entry.energy;
    for (const [channel, power] of entry.power.entries()) addEach(own.power[channel], power);
    for (const [channel, logs] of entry.logs.entries()) addEach(own.logs[channel], logs);
  }
}

function addEach(into: Float64Array = new Float64Array(0), values: Float64Array): void {
  for (let at = 0; at < into.length; at++) into[at] = (into[at] as number) + (values[at] as number);
}

const createClass = (channels: number, bins: number): LevelClass => ({
  count: 0,
  energy: 0,
  power: Array.from({ length: channels }, () => new Float64Array(bins)),
  logs: Array.from({ length: channels }, () => new Float64Array(Math.ceil(bins / watchStep))),
});
