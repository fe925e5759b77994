import { buildPhases, oversampling, peakAround, truePeakReach } from "./true-peak.ts";

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
  { sampleRateHz, channels }: { readonly sampleRateHz: number; readonly channels: number },
  ceiling: number,
): OverFinder {
  const phases = buildPhases(oversampling(sampleRateHz));
  const overs: Over[] = [];
  const pad = truePeakReach + 1;
  /** What the next samples need of those before them. */
  let tails = Array.from({ length: channels }, () => new Float32Array(2 * pad));
  let lane = new Float32Array(0);
  /** Of the recording, where the tails begin. */
  let origin = -2 * pad;

  const take = (samples: Float32Array, count: number): void => {
    if (lane.length < 2 * pad + count) lane = new Float32Array(2 * pad + count);
    tails = tails.map((tail, channel) => {
      lane.set(tail);
      for (let frame = 0, at = channel; frame < count; frame++, at += channels) {
        lane[2 * pad + frame] = samples[at] as number;
      }
      scan(lane, { from: pad, to: pad + count, origin }, ceiling, phases, overs);
      return lane.slice(count, count + 2 * pad);
    });
    origin += count;
  };

  return {
    push(samples) {
      if (overs.length <= mostOvers) take(samples, samples.length / channels);
    },
    finish() {
      take(new Float32Array(pad * channels), pad);
      return overs;
    },
  };
}

/** Looks at local maxima in [from, to) of a lane that begins at the recording's `origin`. */
function scan(
  lane: Float32Array,
  { from, to, origin }: { readonly from: number; readonly to: number; readonly origin: number },
  ceiling: number,
  phases: readonly Float64Array[],
  overs: Over[],
): void {
  const least = leastPart * ceiling;
  for (let at = from; at < to; at++) {
    const level = Math.abs(lane[at] as number);
    if (level < least) continue;
    if (level < Math.abs(lane[at - 1] as number) || level < Math.abs(lane[at + 1] as number)) continue;
    const peak = peakAround(lane, at, phases);
    if (peak > ceiling) overs.push({ frame: origin + at, factor: peak / ceiling });
  }
}
