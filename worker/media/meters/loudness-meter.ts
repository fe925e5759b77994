import { GatedLoudness } from "./gated-loudness.ts";
import { createLoudnessKernel, type MeterFormat, mostFrames, tailFrames } from "./loudness-kernel.ts";

export interface LoudnessReading {
  /** ITU-R BS.1770-4 programme loudness, LUFS; null under 0.4 s and on silence. */
  readonly integratedLufs: number | null;
  /** EBU Tech 3342, LU; null under 3 s and on silence. */
  readonly loudnessRangeLu: number | null;
  /** BS.1770-4 annex 2, dBTP; null on digital silence. */
  readonly truePeakDbtp: number | null;
  /** Samples per channel. */
  readonly frames: number;
}

export interface LoudnessMeter {
  /** Interleaved samples, ±1 is full scale; whole frames. */
  push(samples: Float32Array): void;
  finish(): LoudnessReading;
}

/** Measures while samples stream by, in constant memory; as ffmpeg's ebur128, but with all digits. */
export function createLoudnessMeter(
  format: MeterFormat & {
    /** Is told the weighted mean square and the largest magnitude of each whole 10 ms, in order. */
    readonly onBlock?: (meanSquare: number, samplePeak: number) => void;
  },
): LoudnessMeter {
  const { sampleRateHz, channels, onBlock } = format;
  const blocksPerStep = onBlock === undefined ? 1 : 10;
  const blocksPerSecond = 10 * blocksPerStep;
  const kernel = createLoudnessKernel(format);
  const gated = new GatedLoudness();
  let frames = 0;
  let stepEnergy = 0;
  let stepFrames = 0;
  let blockEnergy = 0;
  let blockFrames = 0;
  let blockPeak = 0;
  let blocks = 1;
  let reading: LoudnessReading | null = null;

  const endBlock = (): void => {
    onBlock?.(blockEnergy / blockFrames, blockPeak);
    stepEnergy += blockEnergy;
    stepFrames += blockFrames;
    blockEnergy = 0;
    blockFrames = 0;
    blockPeak = 0;
    if (blocks % blocksPerStep === 0) {
      gated.add(stepEnergy / stepFrames);
      stepEnergy = 0;
      stepFrames = 0;
    }
    blocks++;
  };

  /** The frames that the kernel has just taken. */
  const measure = (count: number): void => {
    kernel.scan(0, count);
    for (let from = 0; from < count; ) {
      // Steps of 100 ms, at rates that ten does not divide too.
      const blockEnd = Math.round((blocks * sampleRateHz) / blocksPerSecond);
      const to = Math.min(count, from + blockEnd - frames);
      if (onBlock !== undefined) blockPeak = Math.max(blockPeak, kernel.samplePeak(from, to));
      blockEnergy += kernel.energy(from, to);
      frames += to - from;
      blockFrames += to - from;
      from = to;
      if (frames === blockEnd) endBlock();
    }
  };

  return {
    push(samples) {
      const count = Math.floor(samples.length / channels);
      for (let from = 0; from < count; from += mostFrames) {
        const part = Math.min(mostFrames, count - from);
        kernel.take(samples, from, part);
        measure(part);
      }
    },
    finish() {
      if (reading !== null) return reading;
      kernel.take(new Float32Array(tailFrames * channels), 0, tailFrames);
      kernel.scan(0, tailFrames);
      const truePeak = kernel.truePeak();
      // Of five hundred short inputs each has its meter: what they leave for V8 to collect would be half of all memory.
      kernel.end();
      reading = {
        integratedLufs: gated.integratedLufs(),
        loudnessRangeLu: gated.loudnessRangeLu(),
        truePeakDbtp: truePeak > 0 ? 20 * Math.log10(truePeak) : null,
        frames,
      };
      return reading;
    },
  };
}
