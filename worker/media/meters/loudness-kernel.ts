import { startKernel } from "../../kernels/run-kernel.ts";
import { buildChannelWeights, buildKWeighting } from "./k-weighting.ts";
import { buildPhases, oversampling, truePeakReach } from "./true-peak.ts";

export interface MeterFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** ffmpeg's name, for the weights of surround channels. @default null */
  readonly channelLayout?: string | null;
}

/** The arithmetic of a meter (kernels/loudness.as); when what is reckoned is up to its user. */
export interface LoudnessKernel {
  /** Takes `count` frames, at most `mostFrames`, of interleaved samples. */
  take(samples: Float32Array, fromFrame: number, count: number): void;
  /** Weighted sum of squares of the frames [from, to) of those taken last; in order, none left out. */
  energy(from: number, to: number): number;
  /** Largest magnitude of them. */
  samplePeak(from: number, to: number): number;
  /**
   * Looks for true peaks at [from, to) of the frames that lie `truePeakReach` before those taken last. Looks only beside
   * local maxima of at least half of the highest value so far, except where most of the energy lies above a sixth of the
   * rate (noise): there peaks stand in any gap.
   */
  scan(from: number, to: number): void;
  /** Highest so far, 0 for silence. */
  truePeak(): number;
  /** Nothing more is asked of it. */
  end(): void;
  /**
   * Peaks above `ceiling` (linear) beside local maxima of at least `least`, at [from, to) of the same frames as for `scan`,
   * channel after channel.
   */
  find(from: number, to: number, least: number, ceiling: number, take: (frame: number, peak: number) => void): void;
}

export const mostFrames = 8_192;
/** That the kernel has room for. */
const mostFound = 64;

export function createLoudnessKernel({ sampleRateHz, channels, channelLayout = null }: MeterFormat): LoudnessKernel {
  const phases = buildPhases(oversampling(sampleRateHz));
  const kernel = startKernel("loudness", [channels, phases.length, mostFrames]);
  const { shelf, highPass } = buildKWeighting(sampleRateHz);
  const weights = buildChannelWeights(channels, channelLayout);
  const { b0, b1, b2, a1, a2 } = shelf;
  const settings = [b0, b1, b2, a1, a2, highPass.a1, highPass.a2, ...weights];
  kernel.doubles(kernel.read("settings"), settings.length).set(settings);
  const taps = phases.flatMap((phase) => [...phase]);
  kernel.floats(kernel.read("phases"), taps.length).set(taps);
  const input = kernel.floats(kernel.read("input"), mostFrames * channels);
  const peaks = kernel.floats(kernel.read("found"), 2 * mostFound);
  const places = new Int32Array(peaks.buffer, peaks.byteOffset, 2 * mostFound);
  let before = 0;
  return {
    take(samples, fromFrame, count) {
      input.set(samples.subarray(fromFrame * channels, (fromFrame + count) * channels));
      kernel.call("take", count, before);
      before = count;
    },
    energy: (from, to) => kernel.call("energy", from, to),
    samplePeak: (from, to) => kernel.call("samplePeak", from, to),
    scan: (from, to) => void kernel.call("scan", from, to),
    truePeak: () => kernel.read("truePeak"),
    end: kernel.end,
    find(from, to, least, ceiling, take) {
      for (let channel = 0; channel < channels; channel++) {
        for (let at = from; at < to; ) {
          const count = kernel.call("find", channel, at, to, least, ceiling);
          for (let index = 0; index < count; index++) {
            at = (places[2 * index] as number) + 1;
            take(at - 1, peaks[2 * index + 1] as number);
          }
          if (count < mostFound) break;
        }
      }
    },
  };
}

/** Frames of silence that bring the last ones before it into reach of `scan`. */
export const tailFrames = truePeakReach;
