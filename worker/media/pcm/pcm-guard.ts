import { MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import { readFloatFrames } from "./float-frames.ts";

/** Looks at what a decoder gives before anything is done with it. */
export interface PcmGuard {
  /**
   * Silences in place what no recording holds: not-a-numbers, infinities and values 54 dB and more above full scale, on
   * which LAME and ffmpeg's AAC abort and every recursive filter stays stuck. Throws `limit_duration` once more came than
   * an input may last: headers lie, or say nothing.
   */
  check(samples: Float32Array): void;
  /** Samples that were silenced so far. */
  readonly silenced: number;
}

/**
 * IEEE 754 single precision bits of 512 (54.2 dB), without the sign; all that is not finite is above. What a codec throws
 * over of such a sample stays below 60 dB.
 */
const nonsenseBits = 0x44000000;
/** Set in all that is 2 (6 dB) and more, or not finite: what sound hardly ever is. */
const twoBit = 0x40000000;

/** All bits that are set in any of them: four at a time, since every sample of every recording comes through here. */
function joinBits(bits: Int32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = bits.length - (bits.length % 4);
  for (let at = 0; at < whole; at += 4) {
    a |= bits[at] as number;
    b |= bits[at + 1] as number;
    c |= bits[at + 2] as number;
    d |= bits[at + 3] as number;
  }
  for (let at = whole; at < bits.length; at++) a |= bits[at] as number;
  return a | b | c | d;
}

/** @param format of the samples; `name` is what the user calls the input. */
export function createPcmGuard(format: {
  readonly name: string;
  readonly sampleRateHz: number;
  readonly channels: number;
}): PcmGuard {
  const { name, sampleRateHz, channels } = format;
  let left = limits.inputDurationSeconds * sampleRateHz * channels;
  let silenced = 0;
  return {
    check(samples) {
      left -= samples.length;
      if (left < 0) throw describeEndless(name);
      const bits = new Int32Array(samples.buffer, samples.byteOffset, samples.length);
      if ((joinBits(bits) & twoBit) === 0) return;
      for (let at = 0; at < bits.length; at++) {
        if (((bits[at] ?? 0) & 0x7fffffff) < nonsenseBits) continue;
        bits[at] = 0;
        silenced++;
      }
    },
    get silenced() {
      return silenced;
    },
  };
}

/** A decoder's f32le in whole frames, checked and heard; the frames are the consumer's own. */
export async function* guardPcm(
  stream: AsyncIterable<Uint8Array>,
  channels: number,
  guard: PcmGuard,
  hear: (samples: Float32Array) => void = () => {},
): AsyncGenerator<Buffer> {
  for await (const samples of readFloatFrames(stream, channels)) {
    guard.check(samples);
    hear(samples);
    yield Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  }
}

/** For an input that turns out longer than its header said, and than any may be. */
export const describeEndless = (name: string): MixdownError =>
  new MixdownError("limit_duration", {
    message: `${name} goes on after ${limits.inputDurationSeconds / 3_600} h, which is the most that an input may last. Split it first.`,
  });
