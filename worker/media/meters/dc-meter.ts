import { type FloatRoom, freshRoom } from "../pcm/float-room.ts";
import type { FrameFilter } from "../pcm/frame-filter.ts";

export interface DcMeter {
  /** Interleaved whole frames. */
  push(samples: Float32Array): void;
  /** Offset of each channel. */
  finish(): readonly number[];
  sums(): readonly DcSums[];
}

/** Of one channel. */
export interface DcSums {
  weighted: number;
  weights: number;
}

/** Blocks of 50 ms: a voice's own asymmetry has come and gone within one, a converter's offset has not. */
const blockSeconds = 0.05;
/** Energy that counts as none: blocks below weigh alike. */
const faintest = 1e-7;

/**
 * Offset of a recording, told by its quiet blocks: they weigh by the inverse of their energy. The plain mean of a voice is
 * not zero, and to take it away would put an offset into pauses that have none.
 */
export function createDcMeter(format: { readonly sampleRateHz: number; readonly channels: number }): DcMeter {
  const { channels } = format;
  const block = Math.max(1, Math.round(blockSeconds * format.sampleRateHz));
  const lanes = Array.from({ length: channels }, () => ({ sum: 0, squares: 0, weighted: 0, weights: 0 }));
  let filled = 0;

  const close = (): void => {
    for (const lane of lanes) {
      const mean = lane.sum / block;
      const weight = 1 / (Math.max(0, lane.squares / block - mean * mean) + faintest);
      lane.weighted += weight * mean;
      lane.weights += weight;
      lane.sum = 0;
      lane.squares = 0;
    }
    filled = 0;
  };

  return {
    push(samples) {
      const frames = samples.length / channels;
      for (let frame = 0; frame < frames; ) {
        const to = Math.min(frames, frame + block - filled);
        for (const [channel, lane] of lanes.entries()) {
          let { sum, squares } = lane;
          for (let at = frame * channels + channel; at < to * channels; at += channels) {
            const value = samples[at] as number;
            sum += value;
            squares += value * value;
          }
          lane.sum = sum;
          lane.squares = squares;
        }
        filled += to - frame;
        frame = to;
        if (filled === block) close();
      }
    },
    finish: () => describeOffsets(lanes),
    sums: () => lanes.map(({ weighted, weights }) => ({ weighted, weights })),
  };
}

export function addOffsets(into: readonly DcSums[], sums: readonly DcSums[]): void {
  for (const [channel, lane] of into.entries()) {
    lane.weighted += sums[channel]?.weighted ?? 0;
    lane.weights += sums[channel]?.weights ?? 0;
  }
}

/** As `finish`. */
export const describeOffsets = (sums: readonly DcSums[]): readonly number[] =>
  sums.map(({ weighted, weights }) => (weights === 0 ? 0 : weighted / weights));

/** Takes each channel's offset off. */
export const createDcRemover = (offsets: readonly number[], room: FloatRoom = freshRoom): FrameFilter => ({
  push(samples) {
    const out = room(samples.length);
    const channels = offsets.length;
    for (const [channel, offset] of offsets.entries()) {
      for (let at = channel; at < samples.length; at += channels) out[at] = (samples[at] as number) - offset;
    }
    return out;
  },
  finish: () => new Float32Array(0),
});
