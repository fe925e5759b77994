import { type FrameFilter, joinFrames } from "../pcm/frame-filter.ts";

/** A stretch of the input that was kept, and where it lies in the output; frames. */
export interface KeptStretch {
  readonly inputStart: number;
  readonly inputEnd: number;
  readonly outputStart: number;
}

export interface SilenceShortenerOptions {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** RMS under which 10 ms are silence, dBFS. */
  readonly thresholdDbfs: number;
}

export interface SilenceShortener extends FrameFilter {
  stretches(): readonly KeptStretch[];
}

/** Pauses up to this stay as they are: they belong to the way somebody speaks. */
const longestSeconds = 1;
/** Kept of a longer one, on each side. */
const sideSeconds = 0.3;

/** Shortens long silences, with a crossfade of 10 ms at each cut. Holds back at most a second; no delay stays. */
export function createSilenceShortener(options: SilenceShortenerOptions): SilenceShortener {
  const { sampleRateHz, channels } = options;
  const block = Math.max(1, Math.round(sampleRateHz / 100));
  const sideBlocks = Math.round(sideSeconds * 100);
  const longestBlocks = Math.round(longestSeconds * 100);
  const threshold = 10 ** (options.thresholdDbfs / 10) * block * channels;
  const stretches: { inputStart: number; inputEnd: number; outputStart: number }[] = [];
  let open = { inputStart: 0, outputStart: 0 };
  let pending = new Float32Array(block * channels);
  let filled = 0;
  /** Silent blocks in a row. */
  let run = 0;
  /** What of the run is not out yet; once it is too long, its first block (for the fade) and its last ones. */
  let held: Float32Array[] = [];
  let inputBlocks = 0;
  let outputFrames = 0;

  const emit = (out: Float32Array[], samples: Float32Array): void => {
    out.push(samples);
    outputFrames += samples.length / channels;
  };

  /** The run has ended: its held part goes out, whole or with its middle cut. */
  const release = (out: Float32Array[]): void => {
    if (run > longestBlocks) {
      const [first, ...tail] = held;
      const [entry, ...rest] = tail;
      const resumed = inputBlocks * block;
      const cutEnd = resumed - tail.length * block;
      const cutStart = resumed - (run - sideBlocks) * block;
      stretches.push({ ...open, inputEnd: cutStart });
      open = { inputStart: cutEnd, outputStart: outputFrames };
      if (first !== undefined && entry !== undefined) emit(out, crossfade(first, entry, channels));
      for (const samples of rest) emit(out, samples);
    } else {
      for (const samples of held) emit(out, samples);
    }
    held = [];
    run = 0;
  };

  const takeBlock = (out: Float32Array[], samples: Float32Array): void => {
    let energy = 0;
    for (const value of samples) energy += value * value;
    if (energy >= threshold) {
      release(out);
      emit(out, samples);
    } else {
      run++;
      if (run <= sideBlocks) emit(out, samples);
      else {
        held.push(samples);
        // Too long: between the block that fades out and those that lead to the next word, everything goes.
        while (run > longestBlocks && held.length > sideBlocks + 1) held.splice(1, 1);
      }
    }
    inputBlocks++;
  };

  return {
    push(samples) {
      const out: Float32Array[] = [];
      for (let at = 0; at < samples.length; ) {
        const take = Math.min(pending.length - filled, samples.length - at);
        pending.set(samples.subarray(at, at + take), filled);
        at += take;
        filled += take;
        if (filled === pending.length) {
          takeBlock(out, pending);
          pending = new Float32Array(block * channels);
          filled = 0;
        }
      }
      return joinFrames(out);
    },
    finish() {
      const out: Float32Array[] = [];
      release(out);
      if (filled > 0) emit(out, pending.slice(0, filled));
      stretches.push({ ...open, inputEnd: inputBlocks * block + filled / channels });
      return joinFrames(out);
    },
    stretches: () => stretches,
  };
}

function crossfade(from: Float32Array, to: Float32Array, channels: number): Float32Array {
  const frames = to.length / channels;
  return to.map((value, at) => {
    const weight = (Math.floor(at / channels) + 0.5) / frames;
    return weight * value + (1 - weight) * (from[at] as number);
  });
}
