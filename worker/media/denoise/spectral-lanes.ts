import { startFourier } from "../../kernels/start-fourier.ts";
import { buildRootHann } from "./stft-window.ts";

/** The work space of the denoiser: every channel has its own gains. */
export interface SpectralLanes {
  /** Puts frames [from, from + count) of interleaved samples behind the `filled` of the newest hop. */
  take(samples: Float32Array, from: number, count: number, filled: number): void;
  /** The rest of the newest hop is silence. */
  silence(filled: number): void;
  /** Takes the last `size` samples as frame number `index` of those held, and makes room for the next hop. */
  analyse(index: number): void;
  /** Filters the first `count` of the frames that are held and drops them. */
  filter(held: number, count: number): void;
  /** Writes `count` of what is filtered, from number `from` on, interleaved to `out`. */
  give(from: number, count: number, out: Float32Array, at: number): void;
  /** Drops `length` of what is filtered. */
  shift(length: number): void;
  /** From here on the power that is kept of speech is reckoned. */
  startCounting(): void;
  /** Speech that stood well above the noise, and what the gains left of it. */
  kept(): KeptSpeech;
}

export interface KeptSpeech {
  readonly powerIn: number;
  readonly powerOut: number;
}

/** Weight of the neighbouring frame's estimate in the a-priori SNR, at a hop of a quarter window. */
const memory = 0.94;

/**
 * Wiener gains from decision-directed a-priori SNRs (Ephraim & Malah 1984), reckoned from both sides: forwards in time as
 * frames come, backwards over a block and the few frames behind it, so that onsets are opened by what follows them. A
 * second step takes the SNR of the speech so estimated (Plapous et al. 2006), which sharpens it. Against the forward
 * recursion alone: +0.4 to +1.0 dB SI-SDR on white noise, +0.3 on coloured. The arithmetic is in kernels/denoise.as:
 * single precision, whose error lies 130 dB down.
 * @param noises power of each bin, for each channel; null leaves it as it is
 * @param mostHeld frames that are held at the most
 */
export function createSpectralLanes(
  size: number,
  noises: readonly (Float64Array | null)[],
  depthDb: number,
  mostHeld: number,
): SpectralLanes {
  const channels = noises.length;
  const hop = size / 4;
  const kernel = startFourier("denoise", [size, mostHeld, channels], buildRootHann(size));
  const input = kernel.floats(kernel.read("input"), hop * channels);
  const output = kernel.floats(kernel.read("output"), mostHeld * hop * channels);
  const each = (name: string, ...args: readonly (number | boolean)[]): void => {
    for (let channel = 0; channel < channels; channel++) {
      kernel.call("choose", channel);
      kernel.call(name, ...args);
    }
  };
  for (const [channel, noise] of noises.entries()) {
    kernel.call("choose", channel);
    if (noise === null) continue;
    kernel.floats(kernel.read("noise"), noise.length).set(noise);
    kernel.floats(kernel.read("inverseNoise"), noise.length).set(noise.map((power) => 1 / (power + 1e-20)));
  }
  const lowest = 10 ** (-depthDb / 20);
  let before: KeptSpeech = { powerIn: 0, powerOut: 0 };
  const read = () => ({ powerIn: kernel.read("powerIn"), powerOut: kernel.read("powerOut") });
  return {
    take(samples, from, count, filled) {
      input.set(samples.subarray(from * channels, (from + count) * channels));
      each("gather", count, filled);
    },
    silence: (filled) => each("silence", filled),
    analyse(index) {
      for (let channel = 0; channel < channels; channel++) {
        kernel.call("choose", channel);
        kernel.call("analyse", index, noises[channel] !== null, memory);
      }
    },
    filter(held, count) {
      for (let channel = 0; channel < channels; channel++) {
        kernel.call("choose", channel);
        kernel.call("filter", held, count, noises[channel] !== null, memory, lowest);
      }
    },
    give(from, count, out, at) {
      each("spread", from, count);
      out.set(output.subarray(0, count * channels), at);
    },
    shift: (length) => each("shift", length),
    startCounting() {
      before = read();
    },
    kept: () => ({ powerIn: read().powerIn - before.powerIn, powerOut: read().powerOut - before.powerOut }),
  };
}
