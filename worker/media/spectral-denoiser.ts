import type { FrameFilter } from "./frame-filter.ts";
import { createRealFft, type RealFft } from "./spectral-fft.ts";
import { createGainEstimator, createSpectralFrame, type KeptSpeech, type SpectralFrame } from "./spectral-gain.ts";
import { buildRootHann } from "./stft-window.ts";

/** Mean power of the noise in the pauses, under a root-Hann window of `windowSize`. */
export interface NoiseProfile {
  readonly windowSize: number;
  /** A channel's windowSize/2 + 1 bins; null where the channel is to be left as it is. */
  readonly channels: readonly (Float64Array | null)[];
}

export interface SpectralDenoiserOptions {
  readonly profile: NoiseProfile;
  /** How far noise is taken down at the most. */
  readonly depthDb: number;
}

export interface SpectralDenoiser extends FrameFilter {
  /** Speech power that was kept, of what stood 10 dB above the noise, dB; 0 when there was none. */
  keptSpeechDb(): number;
}

/** Frames that are filtered at once, and those behind them that tell what is coming. */
const block = 16;
const lookAhead = 4;

/**
 * Takes a steady noise out of interleaved samples by a spectral filter of quarter-window hops. As many frames come out as
 * went in, none of them moved; memory is constant; nothing is allocated per frame. Every channel has its own gains.
 */
export function createSpectralDenoiser({ profile, depthDb }: SpectralDenoiserOptions): SpectralDenoiser {
  const size = profile.windowSize;
  const hop = size / 4;
  const kept: KeptSpeech = { powerIn: 0, powerOut: 0 };
  const lanes = profile.channels.map((noise) => createLane(size, noise, depthDb, kept));
  const channels = lanes.length;
  let filled = 0;
  let held = 0;
  let taken = 0;
  let given = 0;
  // What comes out before the first sample that went in.
  let skip = size - hop;

  /** Filters the first `count` frames that are held and writes their hops to `out`; returns the samples written. */
  const emit = (count: number, out: Float32Array, at: number): number => {
    for (const lane of lanes) lane.filter(held, count);
    held -= count;
    const from = Math.min(skip, count * hop);
    skip -= from;
    const length = Math.min(count * hop - from, taken - given);
    for (const [channel, lane] of lanes.entries()) {
      for (let i = 0, to = at + channel; i < length; i++, to += channels) out[to] = lane.ready[from + i] as number;
      lane.shift(count * hop);
    }
    given += length;
    return length * channels;
  };

  return {
    push(samples) {
      const count = samples.length / channels;
      const out = new Float32Array((Math.ceil((filled + count) / hop) + block + lookAhead) * hop * channels);
      let written = 0;
      taken += count;
      for (let frame = 0; frame < count; ) {
        const take = Math.min(hop - filled, count - frame);
        for (const [channel, lane] of lanes.entries()) {
          const start = size - hop + filled;
          for (let i = 0, at = frame * channels + channel; i < take; i++, at += channels) {
            lane.window[start + i] = samples[at] as number;
          }
        }
        frame += take;
        filled += take;
        if (filled < hop) continue;
        filled = 0;
        for (const lane of lanes) lane.analyse(held);
        held++;
        if (held === block + lookAhead) written += emit(block, out, written);
      }
      return out.subarray(0, written);
    },
    finish() {
      const out = new Float32Array((taken - given + block * hop) * channels);
      let written = 0;
      while (given < taken) {
        for (const lane of lanes) {
          lane.window.fill(0, size - hop + filled);
          lane.analyse(held);
        }
        filled = 0;
        held++;
        const last = taken - given <= held * hop - skip;
        if (last || held === block + lookAhead) written += emit(last ? held : block, out, written);
      }
      return out.subarray(0, written);
    },
    keptSpeechDb: () => (kept.powerIn > 0 ? 10 * Math.log10(kept.powerOut / kept.powerIn) : 0),
  };
}

/** The work space of one channel. */
interface Lane {
  /** The last `size` samples; the newest hop is written from outside. */
  readonly window: Float64Array;
  /** Filtered samples; complete up to the hops that were filtered. */
  readonly ready: Float64Array;
  /** Takes the window as frame number `index` of those held, and makes room for the next hop. */
  analyse(index: number): void;
  filter(held: number, count: number): void;
  /** Drops `length` samples of `ready`. */
  shift(length: number): void;
}

function createLane(size: number, noise: Float64Array | null, depthDb: number, kept: KeptSpeech): Lane {
  const hop = size / 4;
  const fft: RealFft = createRealFft(size);
  const weights = buildRootHann(size);
  const estimator = noise === null ? null : createGainEstimator(noise, depthDb, kept);
  const frames: SpectralFrame[] = Array.from({ length: block + lookAhead }, () => createSpectralFrame(size / 2 + 1));
  const window = new Float64Array(size);
  const scratch = new Float64Array(size);
  const ready = new Float64Array(size + (block + lookAhead) * hop);
  return {
    window,
    ready,
    analyse(index) {
      const frame = frames[index] as SpectralFrame;
      for (let at = 0; at < size; at++) scratch[at] = (window[at] as number) * (weights[at] as number);
      fft.forward(scratch, frame.re, frame.im);
      estimator?.lookBack(frame);
      window.copyWithin(0, hop);
    },
    filter(held, count) {
      estimator?.apply(frames, held, count);
      for (let index = 0, start = 0; index < count; index++, start += hop) {
        const frame = frames[index] as SpectralFrame;
        fft.inverse(frame.re, frame.im, scratch);
        // The squares of four root-Hann windows, a quarter apart, sum to 2.
        for (let i = 0, at = start; i < size; i++, at++) {
          ready[at] = (ready[at] as number) + 0.5 * (scratch[i] as number) * (weights[i] as number);
        }
      }
      // Those that only looked ahead are the first of the next block.
      frames.push(...frames.splice(0, count));
    },
    shift(length) {
      ready.copyWithin(0, length);
      ready.fill(0, ready.length - length);
    },
  };
}
