import { GatedLoudness } from "./gated-loudness.ts";
import { createLoudnessKernel, type MeterFormat, mostFrames, tailFrames } from "./loudness-kernel.ts";
import type { LoudnessReading } from "./loudness-meter.ts";

/** What a stretch adds to the reading of the whole: energy of each 100 ms, also of those that it shares with a neighbour. */
export interface LoudnessSums {
  /** Number of the first; 0 is the recording's beginning. */
  readonly firstStep: number;
  readonly energies: Float64Array;
  /** Linear. */
  readonly truePeak: number;
}

export interface LoudnessPart {
  /** Interleaved whole frames, in order. */
  push(samples: Float32Array): void;
  sums(): LoudnessSums;
}

interface Stretch {
  /** Frame of the recording that comes first; what lies before `from` warms the filters up: 0.2 s do. */
  readonly startFrame: number;
  readonly from: number;
  readonly to: number;
}

/** Measures frames [from, to) of a recording of which some more on either side are pushed. */
export function createLoudnessPart(format: MeterFormat, { startFrame, from, to }: Stretch): LoudnessPart {
  const { sampleRateHz, channels } = format;
  const kernel = createLoudnessKernel(format);
  const firstStep = stepOf(from, sampleRateHz);
  const energies = new Float64Array(to > from ? stepOf(to - 1, sampleRateHz) - firstStep + 1 : 0);
  let at = startFrame;

  const scan = (count: number): void => {
    // The frames in the middle of what the kernel holds.
    const middle = at - tailFrames;
    const [first, last] = [Math.max(0, from - middle), Math.min(count, to - middle)];
    if (last > first) kernel.scan(first, last);
  };

  const measure = (count: number): void => {
    scan(count);
    let step = stepOf(at, sampleRateHz);
    for (let done = 0; done < count; ) {
      const frame = at + done;
      const bound = [endOfStep(step, sampleRateHz), from, to].filter((edge) => edge > frame);
      const until = Math.min(count, ...bound.map((edge) => edge - at));
      const energy = kernel.energy(done, until);
      const index = step - firstStep;
      if (frame >= from && frame < to) energies[index] = (energies[index] as number) + energy;
      done = until;
      if (at + done >= endOfStep(step, sampleRateHz)) step++;
    }
    at += count;
  };

  return {
    push(samples) {
      const count = samples.length / channels;
      for (let done = 0; done < count; done += mostFrames) {
        const part = Math.min(mostFrames, count - done);
        kernel.take(samples, done, part);
        measure(part);
      }
    },
    sums() {
      if (at < to + tailFrames) {
        // The recording's own end: silence follows.
        kernel.take(new Float32Array(tailFrames * channels), 0, tailFrames);
        scan(tailFrames);
      }
      return { firstStep, energies, truePeak: kernel.truePeak() };
    },
  };
}

/** Puts stretches together that lie end to end; they come in order. */
export function createLoudnessFold(sampleRateHz: number): {
  add(sums: LoudnessSums): void;
  finish(frames: number): LoudnessReading;
} {
  const gated = new GatedLoudness();
  let truePeak = 0;
  let pending = { step: 0, energy: 0 };
  const flush = (): void => {
    const { step, energy } = pending;
    gated.add(energy / (endOfStep(step, sampleRateHz) - endOfStep(step - 1, sampleRateHz)));
  };
  return {
    add({ firstStep, energies, truePeak: peak }) {
      truePeak = Math.max(truePeak, peak);
      for (const [index, energy] of energies.entries()) {
        const step = firstStep + index;
        if (step === pending.step) pending.energy += energy;
        else {
          flush();
          pending = { step, energy };
        }
      }
    },
    finish(frames) {
      if (frames > 0 && endOfStep(pending.step, sampleRateHz) <= frames) flush();
      return {
        integratedLufs: gated.integratedLufs(),
        loudnessRangeLu: gated.loudnessRangeLu(),
        truePeakDbtp: truePeak > 0 ? 20 * Math.log10(truePeak) : null,
        frames,
      };
    },
  };
}

/** Steps of 100 ms, at rates that ten does not divide too. */
const endOfStep = (step: number, sampleRateHz: number): number => Math.round(((step + 1) * sampleRateHz) / 10);

function stepOf(frame: number, sampleRateHz: number): number {
  const near = Math.floor((frame * 10) / sampleRateHz);
  for (const step of [near - 1, near]) if (step >= 0 && frame < endOfStep(step, sampleRateHz)) return step;
  return near + 1;
}
