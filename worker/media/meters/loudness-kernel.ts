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
   * local maxima of at least half of the highest value so far: the curve between two samples that are both below half of
   * it would have to hold its energy next to the Nyquist frequency, where the beat with the sampling shows it a few
   * samples on.
   */
  scan(from: number, to: number): void;
  /** Highest so far, 0 for silence. */
  truePeak(): number;
}

export const mostFrames = 8_192;

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
  };
}

/** Frames of silence that bring the last ones before it into reach of `scan`. */
export const tailFrames = truePeakReach;
