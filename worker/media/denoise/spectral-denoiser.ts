import { type FloatRoom, freshRoom } from "../pcm/float-room.ts";
import type { FrameFilter } from "../pcm/frame-filter.ts";
import { createSpectralLanes, type KeptSpeech } from "./spectral-lanes.ts";

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
  /** @default freshRoom */
  readonly room?: FloatRoom;
}

export interface SpectralDenoiser extends FrameFilter {
  /** From here on what is kept of speech is reckoned. @default from the beginning */
  startCounting(): void;
  /** Of what stood 10 dB above the noise. */
  keptSpeech(): KeptSpeech;
}

export const addKept = (a: KeptSpeech, b: KeptSpeech): KeptSpeech => ({
  powerIn: a.powerIn + b.powerIn,
  powerOut: a.powerOut + b.powerOut,
});

/** Speech power that was kept, dB; 0 when there was none. */
export const toKeptDb = ({ powerIn, powerOut }: KeptSpeech): number =>
  powerIn > 0 ? 10 * Math.log10(powerOut / powerIn) : 0;

/** Frames that are filtered at once, and those behind them that tell what is coming. */
const block = 16;
const lookAhead = 4;

/**
 * For whoever filters a part of a recording as if it were the whole: a part begins at a whole number of `blockFrames` from
 * the recording's beginning, and what comes out is complete up to `behindFrames` before the last that went in.
 */
export const denoiserReach = (windowSize: number) => ({
  blockFrames: (block * windowSize) / 4,
  behindFrames: ((block + lookAhead) * windowSize) / 4,
});

/**
 * Takes a steady noise out of interleaved samples by a spectral filter of quarter-window hops. As many frames come out as
 * went in, none of them moved; memory is constant; nothing is allocated per frame. Every channel has its own gains.
 */
export function createSpectralDenoiser(options: SpectralDenoiserOptions): SpectralDenoiser {
  const { profile, depthDb, room = freshRoom } = options;
  const size = profile.windowSize;
  const hop = size / 4;
  const channels = profile.channels.length;
  const lanes = createSpectralLanes(size, profile.channels, depthDb, block + lookAhead);
  let filled = 0;
  let held = 0;
  let taken = 0;
  let given = 0;
  // What comes out before the first sample that went in.
  let skip = size - hop;

  /** Filters the first `count` frames that are held and writes their hops to `out`; returns the samples written. */
  const emit = (count: number, out: Float32Array, at: number): number => {
    lanes.filter(held, count);
    held -= count;
    const from = Math.min(skip, count * hop);
    skip -= from;
    const length = Math.min(count * hop - from, taken - given);
    lanes.give(from, length, out, at);
    lanes.shift(count * hop);
    given += length;
    return length * channels;
  };

  return {
    push(samples) {
      const count = samples.length / channels;
      const out = room((Math.ceil((filled + count) / hop) + block + lookAhead) * hop * channels);
      let written = 0;
      taken += count;
      for (let frame = 0; frame < count; ) {
        const take = Math.min(hop - filled, count - frame);
        lanes.take(samples, frame, take, filled);
        frame += take;
        filled += take;
        if (filled < hop) continue;
        filled = 0;
        lanes.analyse(held);
        held++;
        if (held === block + lookAhead) written += emit(block, out, written);
      }
      return out.subarray(0, written);
    },
    finish() {
      const out = new Float32Array((taken - given + block * hop) * channels);
      let written = 0;
      while (given < taken) {
        lanes.silence(filled);
        lanes.analyse(held);
        filled = 0;
        held++;
        const last = taken - given <= held * hop - skip;
        if (last || held === block + lookAhead) written += emit(last ? held : block, out, written);
      }
      return out.subarray(0, written);
    },
    startCounting() {
      lanes.startCounting();
    },
    keptSpeech: () => lanes.kept(),
  };
}
