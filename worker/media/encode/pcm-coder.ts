import { startKernel } from "../../kernels/run-kernel.ts";

/** Sample formats of our PCM files: ffmpeg's names of their codecs. */
export type PcmCodec = "pcm_s16le" | "pcm_s24le" | "pcm_f32le";

export const pcmBytes: Readonly<Record<PcmCodec, number>> = { pcm_s16le: 2, pcm_s24le: 3, pcm_f32le: 4 };

/** The bytes that `samples` become, valid until the next call; in `samples` is left what a decoder makes of these. */
export type PcmCoder = (samples: Float32Array) => Uint8Array;

/** Does what ffmpeg's encoder of that name does behind its conversion, bit for bit (kernels/integers.as). */
export function createPcmCoder(codec: PcmCodec): PcmCoder {
  if (codec === "pcm_f32le") {
    return (samples) => new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  }
  const encode = codec === "pcm_s16le" ? "toS16" : "toS24";
  let room = 0;
  let kernel = startKernel("integers", [room]);
  return (samples) => {
    if (samples.length > room) {
      room = samples.length;
      kernel = startKernel("integers", [room]);
    }
    const input = kernel.floats(kernel.read("input"), samples.length);
    input.set(samples);
    kernel.call(encode, samples.length);
    samples.set(input);
    const { buffer } = input;
    return new Uint8Array(buffer, kernel.read("output"), samples.length * pcmBytes[codec]);
  };
}
