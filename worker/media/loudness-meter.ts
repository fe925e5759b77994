import { GatedLoudness } from "./gated-loudness.ts";
import { type Biquad, buildChannelWeights, buildKWeighting } from "./k-weighting.ts";
import { buildPhases, findTruePeak, oversampling, truePeakReach } from "./true-peak.ts";

export interface LoudnessReading {
  /** ITU-R BS.1770-4 programme loudness, LUFS; null under 0.4 s and on silence. */
  readonly integratedLufs: number | null;
  /** EBU Tech 3342, LU; null under 3 s and on silence. */
  readonly loudnessRangeLu: number | null;
  /** BS.1770-4 annex 2, dBTP; null on digital silence. */
  readonly truePeakDbtp: number | null;
  /** Samples per channel. */
  readonly frames: number;
}

export interface LoudnessMeter {
  /** Interleaved samples, ±1 is full scale; whole frames. */
  push(samples: Float32Array): void;
  finish(): LoudnessReading;
}

/** Measures while samples stream by, in constant memory; as ffmpeg's ebur128, but with all digits. */
export function createLoudnessMeter(format: {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** ffmpeg's name, for the weights of surround channels. @default null */
  readonly channelLayout?: string | null;
  /** Is told the weighted mean square and the largest magnitude of each whole 10 ms, in order. */
  readonly onBlock?: (meanSquare: number, samplePeak: number) => void;
}): LoudnessMeter {
  const { sampleRateHz, channels, onBlock } = format;
  const blocksPerStep = onBlock === undefined ? 1 : 10;
  const blocksPerSecond = 10 * blocksPerStep;
  const weighting = buildKWeighting(sampleRateHz);
  const weights = buildChannelWeights(channels, format.channelLayout ?? null);
  const phases = buildPhases(oversampling(sampleRateHz));
  const states = Array.from({ length: channels }, () => new Float64Array(4));
  const gated = new GatedLoudness();
  let scratch: Float32Array[] = Array.from({ length: channels }, () => new Float32Array(2 * truePeakReach));
  let truePeak = 0;
  let frames = 0;
  let stepEnergy = 0;
  let stepFrames = 0;
  let blockEnergy = 0;
  let blockFrames = 0;
  let blockPeak = 0;
  let blocks = 1;

  /** Moves the last samples of each channel to the front and appends the new ones. */
  const take = (samples: Float32Array, count: number): void => {
    const carry = 2 * truePeakReach;
    const grown = scratch.map((old, channel) => {
      const length = carry + count;
      const next = old.length >= length ? old : new Float32Array(length);
      next.set(old.subarray(lastCount, lastCount + carry), 0);
      for (let i = carry, at = channel; i < length; i++, at += channels) next[i] = samples[at] ?? 0;
      return next;
    });
    scratch = grown;
    lastCount = count;
  };
  let lastCount = 0;

  const scanPeaks = (count: number): void => {
    for (const channel of scratch) {
      truePeak = findTruePeak(channel, truePeakReach, truePeakReach + count, phases, truePeak);
    }
  };

  const endBlock = (): void => {
    onBlock?.(blockEnergy / blockFrames, blockPeak);
    stepEnergy += blockEnergy;
    stepFrames += blockFrames;
    blockEnergy = 0;
    blockFrames = 0;
    blockPeak = 0;
    if (blocks % blocksPerStep === 0) {
      gated.add(stepEnergy / stepFrames);
      stepEnergy = 0;
      stepFrames = 0;
    }
    blocks++;
  };

  return {
    push(samples) {
      const count = Math.floor(samples.length / channels);
      if (count === 0) return;
      take(samples, count);
      scanPeaks(count);
      for (let from = 0; from < count; ) {
        // Steps of 100 ms, at rates that ten does not divide too.
        const blockEnd = Math.round((blocks * sampleRateHz) / blocksPerSecond);
        const to = Math.min(count, from + blockEnd - frames);
        for (let channel = 0; channel < channels; channel++) {
          const [source, state, weight = 1] = [scratch[channel], states[channel], weights[channel]];
          if (source === undefined || state === undefined || weight === 0) continue;
          const start = 2 * truePeakReach;
          if (onBlock !== undefined) blockPeak = findSamplePeak(source, start + from, start + to, blockPeak);
          blockEnergy +=
            weight * filterEnergy(source, start + from, start + to, weighting.shelf, weighting.highPass, state);
        }
        frames += to - from;
        blockFrames += to - from;
        from = to;
        if (frames === blockEnd) endBlock();
      }
    },
    finish() {
      const silence = new Float32Array(truePeakReach * channels);
      take(silence, truePeakReach);
      scanPeaks(truePeakReach);
      return {
        integratedLufs: gated.integratedLufs(),
        loudnessRangeLu: gated.loudnessRangeLu(),
        truePeakDbtp: truePeak > 0 ? 20 * Math.log10(truePeak) : null,
        frames,
      };
    },
  };
}

function findSamplePeak(samples: Float32Array, from: number, to: number, floor: number): number {
  let peak = floor;
  for (let at = from; at < to; at++) {
    const level = Math.abs(samples[at] ?? 0);
    if (level > peak) peak = level;
  }
  return peak;
}

/** Sum of squares behind both filters (transposed direct form II); `state` is carried on. */
function filterEnergy(
  samples: Float32Array,
  from: number,
  to: number,
  shelf: Biquad,
  highPass: Biquad,
  state: Float64Array,
): number {
  const { b0, b1, b2, a1, a2 } = shelf;
  const { a1: c1, a2: c2 } = highPass;
  let [s1 = 0, s2 = 0, h1 = 0, h2 = 0] = state;
  let energy = 0;
  for (let at = from; at < to; at++) {
    const x = samples[at] ?? 0;
    const y = b0 * x + s1;
    s1 = b1 * x - a1 * y + s2;
    s2 = b2 * x - a2 * y;
    const z = y + h1;
    h1 = -2 * y - c1 * z + h2;
    h2 = y - c2 * z;
    energy += z * z;
  }
  // What decays in silence would become subnormal, and a hundred times slower.
  state[0] = flush(s1);
  state[1] = flush(s2);
  state[2] = flush(h1);
  state[3] = flush(h2);
  return energy;
}

const flush = (value: number): number => (Math.abs(value) < 1e-20 ? 0 : value);
