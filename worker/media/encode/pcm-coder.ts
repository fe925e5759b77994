import { startKernel } from "../../kernels/run-kernel.ts";
import { countOvers, type Overs } from "../pcm/pcm-overs.ts";

/** Sample formats of our PCM files: ffmpeg's names of their codecs. */
export type PcmCodec = "pcm_s16le" | "pcm_s24le" | "pcm_f32le";

export const pcmBytes: Readonly<Record<PcmCodec, number>> = { pcm_s16le: 2, pcm_s24le: 3, pcm_f32le: 4 };

export interface PcmCoder {
  /** The bytes that `samples` become, valid until the next call; in `samples` is left what a decoder makes of these. */
  encode(samples: Float32Array): Uint8Array;
  /** What was clipped so far; floats never are. */
  readonly overs: Overs;
}

/** Does what ffmpeg's encoder of that name does behind its conversion, bit for bit (kernels/integers.as). */
export function createPcmCoder(codec: PcmCodec): PcmCoder {
  if (codec === "pcm_f32le") {
    const encode = (samples: Float32Array) => new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    return { encode, overs: { count: 0, peak: 1 } };
  }
  const entry = codec === "pcm_s16le" ? "toS16" : "toS24";
  let room = 0;
  let kernel = startKernel("integers", [room]);
  let [count, peak] = [0, 1];
  return {
    encode(samples) {
      if (samples.length > room) {
        room = samples.length;
        kernel = startKernel("integers", [room]);
      }
      const input = kernel.floats(kernel.read("input"), samples.length + 3);
      input.set(samples);
      input.fill(0, samples.length);
      const highest = kernel.call("peak", samples.length);
      // Few stretches hold any: they are counted one by one.
      if (highest > 1) {
        peak = Math.max(peak, highest);
        count += countOvers(samples);
      }
      kernel.call(entry, samples.length);
      samples.set(input.subarray(0, samples.length));
      return new Uint8Array(input.buffer, kernel.read("output"), samples.length * pcmBytes[codec]);
    },
    get overs() {
      return { count, peak };
    },
  };
}
