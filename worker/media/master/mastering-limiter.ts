import type { LoudnessReading } from "../meters/loudness-meter.ts";
import { createSameRoom } from "../pcm/float-room.ts";
import { joinFrames } from "../pcm/frame-filter.ts";
import { createPeakCanceller, usualEnergyWeight } from "./peak-canceller.ts";
import { createTruePeakLimiter, type LimiterOptions, type TruePeakLimiter } from "./true-peak-limiter.ts";

export interface MasteringLimiterOptions extends LimiterOptions {
  /** How far the sound's highest peak will be over the ceiling, of the whole recording: the same for each of its parts. */
  readonly overDb: number;
  /** Of the first frame in the recording. */
  readonly startFrame: number;
}

/** Up to here the limiter alone hardly changes the wave (24 dB SI-SDR or more) or its loudness. */
export const mostPlainDb = 2;
/**
 * Pulses take down no more than 4 dB: what is over by more is taken by gain before them. Less where a sound is over by a
 * lot, for then they would lie so close that they are heard: from 9 dB on 2.5.
 */
const mostByPulses = (overDb: number): number => Math.min(4, Math.max(2.5, 4 - (overDb - 6) / 2));

/**
 * What plain energy weighs against what is heard (κ): the more a sound is over, the less of its wave is left, and from 5.5 dB
 * on, where 20 dB SI-SDR are about to be lost, 0.5 dB of it are worth more than a tenth of PESQ.
 */
const weighEnergy = (overDb: number): number =>
  usualEnergyWeight * (10 / 3) ** Math.min(1, Math.max(0, 2 * (overDb - 5)));

/** How far the highest peak of a sound will be over the limit. */
export const foreseeOver = (
  { truePeakDbtp }: LoudnessReading,
  { gainDb, limitDbtp }: { readonly gainDb: number; readonly limitDbtp: number },
): number => (truePeakDbtp ?? Number.NEGATIVE_INFINITY) + gainDb - limitDbtp;

/** The true-peak limiter, and where it had much to do pulses that take down most of it before. */
export function createMasteringLimiter(options: MasteringLimiterOptions): TruePeakLimiter {
  const { overDb, gainDb, ceilingDbtp } = options;
  if (overDb <= mostPlainDb) return createTruePeakLimiter(options);
  const byPulsesDb = mostByPulses(overDb);
  const isPeaky = overDb > byPulsesDb;
  const peaky = { ...options, ceilingDbtp: ceilingDbtp + byPulsesDb, room: createSameRoom() };
  const first = isPeaky ? [createTruePeakLimiter(peaky)] : [];
  const canceller = createPeakCanceller({
    ...{ ...options, gainDb: isPeaky ? 0 : gainDb, room: createSameRoom() },
    energyWeight: weighEnergy(overDb),
  });
  const last = createTruePeakLimiter({ ...options, gainDb: 0 });
  const filters = [...first, canceller, last];
  const run = (from: number, samples: Float32Array): Float32Array => {
    let current = samples;
    for (let at = from; at < filters.length; at++) current = (filters[at] as TruePeakLimiter).push(current);
    return current;
  };
  return {
    push: (samples) => run(0, samples),
    // What a room holds is kept before the next one goes through.
    finish: () => joinFrames(filters.map((filter, at) => run(at + 1, filter.finish()).slice())),
    limited: () => filters.some((filter) => filter.limited()),
  };
}
