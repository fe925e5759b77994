import { readFloatFrames } from "./float-frames.ts";
import { buildPhases, oversampling, peakAround, truePeakReach } from "./true-peak.ts";

/** A curve that passes the ceiling rises from samples of at least this part of it, but for tones beside Nyquist. */
const leastPart = 0.7;

/**
 * The frames at which the curve through interleaved f32le passes the ceiling, with the factor by which it does. Null when
 * there are more than `most` of them.
 */
export async function findOvers(
  pcm: AsyncIterable<Uint8Array>,
  format: { readonly sampleRateHz: number; readonly channels: number },
  ceiling: number,
  most: number,
): Promise<readonly { readonly frame: number; readonly factor: number }[] | null> {
  const { sampleRateHz, channels } = format;
  const phases = buildPhases(oversampling(sampleRateHz));
  const overs: { frame: number; factor: number }[] = [];
  const pad = truePeakReach + 1;
  let lanes = Array.from({ length: channels }, () => new Float32Array(2 * pad));
  /** Of the recording, where the lanes begin. */
  let origin = -2 * pad;

  const take = (samples: Float32Array, count: number): boolean => {
    lanes = lanes.map((lane, channel) => {
      const next = new Float32Array(2 * pad + count);
      next.set(lane.subarray(lane.length - 2 * pad));
      for (let frame = 0, at = channel; frame < count; frame++, at += channels) {
        next[2 * pad + frame] = samples[at] ?? 0;
      }
      return next;
    });
    for (const lane of lanes) scan(lane, pad, pad + count, ceiling, phases, origin, overs);
    origin += count;
    return overs.length <= most;
  };

  for await (const samples of readFloatFrames(pcm, channels)) {
    if (!take(samples, samples.length / channels)) return null;
  }
  take(new Float32Array(pad * channels), pad);
  return overs;
}

/** Looks at local maxima in [from, to) of a lane. */
function scan(
  lane: Float32Array,
  from: number,
  to: number,
  ceiling: number,
  phases: readonly Float64Array[],
  origin: number,
  overs: { frame: number; factor: number }[],
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
