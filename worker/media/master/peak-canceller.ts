import { startFourier } from "../../kernels/start-fourier.ts";
import { buildPhases, oversampling } from "../meters/true-peak.ts";
import { freshRoom } from "../pcm/float-room.ts";
import type { LimiterOptions, TruePeakLimiter } from "./true-peak-limiter.ts";

export interface CancellerOptions extends LimiterOptions {
  /** Of the first frame, in the recording that it is a part of. */
  readonly startFrame: number;
  /** κ, what plain energy weighs: nought hides the error best, more keeps the wave better. @default 3,000 */
  readonly energyWeight?: number;
}

/** A little more than the limiter behind keeps free, so that this is idle as a rule. */
const marginDb = 0.065;
export const usualEnergyWeight = 3_000;
/** Of peaks nearer to each other than that the greatest is taken first. */
const apartSeconds = 0.000_5;
const blockFrames = 8_192;

/** Frames of the spectra, of about 21 ms: a power of two. */
const chooseFrame = (sampleRateHz: number): number =>
  2 ** Math.max(6, Math.round(Math.log2((1_024 / 48_000) * sampleRateHz)));

const chooseApart = (sampleRateHz: number): number => Math.max(1, Math.round(apartSeconds * sampleRateHz));

/** A sample depends on what lies so many frames to either side of it, and on nothing else. */
export function cancellerReach(sampleRateHz: number): number {
  const [frame, apart] = [chooseFrame(sampleRateHz), chooseApart(sampleRateHz)];
  const [passes, curve] = [12, 13];
  return passes * ((3 * frame) / 8 + apart + curve) + (frame + frame / 4) / 2;
}

/**
 * Takes down what is over the ceiling by pulses in the shape of the sound around it, at its own frequencies, where it hides
 * them; as many frames come out as went in, none of them moved. It is the clip with the least error where the error is
 * weighted by the inverse of the sound's spectrum (Defraene, van Waterschoot, Ferreau, Diehl, Moonen: "Real-time
 * perception-based clipping of audio signals using convex optimization", IEEE TASLP 2012), with a term against plain energy:
 *
 *   least Σ |E(f)|² · (1/S(f) + κ/max S), so that |x + e| ≤ ceiling on the oversampled curve, S the power spectrum of 21 ms.
 *
 * Its solution is a sum of pulses of the spectrum S/(1 + κ·S/max S), one at each place where the result touches the ceiling:
 * how high each is, is found by Hildreth's method, all places at once. Eight passes take the peaks down and give back half
 * of what turned out too much; four more take down only. What little is left over is the limiter's behind it.
 *
 * Spectra lie on a grid that is counted from the recording's beginning, so that it is not told by the sound where it was
 * cut. All channels have one spectrum, and at each place the same part is taken off each of them, so that the image stays.
 */
export function createPeakCanceller(options: CancellerOptions): TruePeakLimiter {
  const { sampleRateHz, channels, room = freshRoom } = options;
  const frame = chooseFrame(sampleRateHz);
  const hop = frame / 4;
  const half = (3 * frame) / 8;
  const phases = buildPhases(oversampling(sampleRateHz));
  const sizes = [channels, phases.length, frame, chooseApart(sampleRateHz), blockFrames];
  const kernel = startFourier("cancel", sizes, buildHann(frame));
  const [width, past] = [kernel.read("width"), kernel.read("past")];
  kernel.floats(kernel.read("phases"), phases.length * 24).set(phases.flatMap((phase) => [...phase]));
  kernel.floats(kernel.read("taper"), half + 1).set(buildTaper(half));
  const input = kernel.floats(kernel.read("input"), blockFrames * channels);
  const output = kernel.floats(kernel.read("output"), blockFrames * channels);
  const gain = 10 ** (options.gainDb / 20);
  // Silence lies in front of the first frame.
  kernel.call(
    "begin",
    (((past - options.startFrame) % hop) + hop) % hop,
    10 ** ((options.ceilingDbtp - marginDb) / 20),
    options.energyWeight ?? usualEnergyWeight,
  );
  let filled = past;
  let skip = past;
  let taken = 0;
  let given = 0;
  let touched = false;

  const finishBlock = (out: Float32Array, at: number): number => {
    if (kernel.call("cancel") !== 0) touched = true;
    kernel.call("give");
    filled -= blockFrames;
    const first = Math.min(skip, blockFrames);
    skip -= first;
    const frames = Math.min(blockFrames - first, taken - given);
    out.set(output.subarray(first * channels, (first + frames) * channels), at);
    given += frames;
    return frames * channels;
  };

  /** Takes the samples, or as much silence, and writes what is done to `out`; returns how many samples that are. */
  const append = (samples: Float32Array | null, count: number, out: Float32Array): number => {
    let written = 0;
    for (let at = 0; at < count; ) {
      const take = Math.min(width - filled, blockFrames, count - at);
      if (samples === null) input.fill(0, 0, take * channels);
      else input.set(samples.subarray(at * channels, (at + take) * channels));
      kernel.call("append", take, filled, gain);
      at += take;
      filled += take;
      if (filled === width) written += finishBlock(out, written);
    }
    return written;
  };

  return {
    push(samples) {
      const count = samples.length / channels;
      taken += count;
      const out = room((count + blockFrames) * channels);
      return out.subarray(0, append(samples, count, out));
    },
    finish() {
      const out = new Float32Array((taken - given) * channels);
      let written = 0;
      while (given < taken) written += append(null, width - filled, out.subarray(written));
      return out;
    },
    limited: () => touched,
  };
}

const buildHann = (size: number): Float64Array =>
  Float64Array.from({ length: size }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / size));

/** A Hann window from its middle on. */
const buildTaper = (half: number): Float64Array =>
  Float64Array.from({ length: half + 1 }, (_, at) => 0.5 + 0.5 * Math.cos((Math.PI * at) / (half + 1)));
