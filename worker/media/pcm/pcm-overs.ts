import { startKernel } from "../../kernels/run-kernel.ts";

export interface Overs {
  /** Samples beyond ±1, of all channels. */
  readonly count: number;
  /** Largest magnitude, 1 at the least. */
  readonly peak: number;
}

/** Counts samples beyond full scale on their way into an encoder that will clip them. */
export interface OversCounter extends Overs {
  push(samples: Float32Array): void;
}

/** How many are beyond ±1, one by one. */
export const countOvers = (samples: Float32Array): number => {
  let count = 0;
  for (const sample of samples) if (Math.abs(sample) > 1) count++;
  return count;
};

/** Floats that are looked at together: few of all have one among them. */
const blockFloats = 16_384;

export function createOversCounter(): OversCounter {
  const kernel = startKernel("integers", [blockFloats]);
  const room = kernel.floats(kernel.read("input"), blockFloats);
  let count = 0;
  let peak = 1;
  return {
    push(samples) {
      for (let from = 0; from < samples.length; from += blockFloats) {
        const block = samples.subarray(from, from + blockFloats);
        room.set(block);
        if (block.length < blockFloats) room.fill(0, block.length, block.length + 3);
        const highest = kernel.call("peak", block.length);
        if (!(highest > 1)) continue;
        peak = Math.max(peak, highest);
        count += countOvers(block);
      }
    },
    get count() {
      return count;
    },
    get peak() {
      return peak;
    },
  };
}
