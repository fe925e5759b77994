/** Blocks of 50 ms: shorter than the pauses between words. */
const blockSeconds = 0.05;
const lowestDb = -100;
const classes = 100;

export interface PauseMeter {
  /** Interleaved whole frames. */
  push(samples: Float32Array): void;
  /** RMS of the pauses, dBFS, all channels together; null where nothing but digital silence, or no block at all, came. */
  finish(): number | null;
  sums(): PauseSums;
}

/** Blocks by level: how many, and their energy. */
export interface PauseSums {
  readonly counts: Uint32Array;
  readonly energies: Float64Array;
}

/** Level of the quietest twentieth of a recording, digital silence left out; one pass, constant memory. */
export function createPauseMeter(format: { readonly sampleRateHz: number; readonly channels: number }): PauseMeter {
  const blockSamples = Math.max(1, Math.round(blockSeconds * format.sampleRateHz)) * format.channels;
  const counts = new Uint32Array(classes);
  const energies = new Float64Array(classes);
  let energy = 0;
  let filled = 0;

  const close = (): void => {
    const mean = energy / blockSamples;
    const level = 10 * Math.log10(mean + 1e-30);
    if (level >= lowestDb) {
      const at = Math.min(classes - 1, Math.floor(level - lowestDb));
      counts[at] = (counts[at] as number) + 1;
      energies[at] = (energies[at] as number) + mean;
    }
    energy = 0;
    filled = 0;
  };

  return {
    push(samples) {
      for (let at = 0; at < samples.length; ) {
        const to = Math.min(samples.length, at + blockSamples - filled);
        filled += to - at;
        // A local sum: one that outlives the call is an object of its own for every sample.
        let sum = 0;
        for (; at < to; at++) {
          const value = samples[at] as number;
          sum += value * value;
        }
        energy += sum;
        if (filled === blockSamples) close();
      }
    },
    finish: () => describePauseLevel({ counts, energies }),
    sums: () => ({ counts, energies }),
  };
}

export function addPauses(into: PauseSums, { counts, energies }: PauseSums): void {
  for (let at = 0; at < classes; at++) {
    into.counts[at] = (into.counts[at] as number) + (counts[at] as number);
    into.energies[at] = (into.energies[at] as number) + (energies[at] as number);
  }
}

/** As `finish`. */
export function describePauseLevel({ counts, energies }: PauseSums): number | null {
  const wanted = 0.05 * counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  let sum = 0;
  for (let at = 0; at < classes && seen < wanted; at++) {
    seen += counts[at] as number;
    sum += energies[at] as number;
  }
  return seen === 0 ? null : 10 * Math.log10(sum / seen);
}
