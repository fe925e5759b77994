import { createLoudnessKernel, mostFrames, tailFrames } from "./loudness-kernel.ts";

/** A curve that passes the ceiling rises from samples of at least this part of it, but for tones beside Nyquist. */
const leastPart = 0.7;
/** Where more of them lie over it, the whole is too loud: no single ones are to be taken back. */
const mostOversAMinute = 60;
/** Beyond these nothing is kept any more: a day's worth of the above. */
const mostOvers = 90_000;

export interface Over {
  readonly frame: number;
  /** By which the curve passes the ceiling. */
  readonly factor: number;
}

export interface OverFinder {
  /** Interleaved samples, whole frames. */
  push(samples: Float32Array): void;
  /** In their order within each channel. */
  finish(): readonly Over[];
}

/** Null where there are more than 60 a minute. */
export const keepSingle = (overs: readonly Over[], seconds: number): readonly Over[] | null =>
  overs.length > mostOversAMinute * (1 + seconds / 60) ? null : overs;

/** Finds the frames at which the curve through the samples passes a ceiling (linear), in constant memory. */
export function createOverFinder(
  format: { readonly sampleRateHz: number; readonly channels: number },
  ceiling: number,
): OverFinder {
  const { channels } = format;
  const kernel = createLoudnessKernel(format);
  const overs: Over[] = [];
  let at = 0;
  const take = (samples: Float32Array, from: number, count: number): void => {
    kernel.take(samples, from, count);
    // The kernel looks at frames that lie a peak's reach behind.
    const origin = at - tailFrames;
    kernel.find(Math.max(0, -origin), count, leastPart * ceiling, ceiling, (frame, peak) => {
      if (overs.length <= mostOvers) overs.push({ frame: origin + frame, factor: peak / ceiling });
    });
    at += count;
  };

  return {
    push(samples) {
      const count = samples.length / channels;
      for (let done = 0; done < count; done += mostFrames) take(samples, done, Math.min(mostFrames, count - done));
    },
    finish() {
      take(new Float32Array(tailFrames * channels), 0, tailFrames);
      return overs;
    },
  };
}
