import { FileRun, type PcmRun } from "./file-run.ts";

/**
 * Mixes the end of one piece into the start of the next with linear gains that add up to one in every frame: equal
 * signals stay as they are, and no sum exceeds the louder of the two. Both are f32le of the same number of frames.
 */
export function crossfadeLinear(ending: readonly PcmRun[], starting: readonly PcmRun[], channels: number): Buffer {
  const from = toFloats(ending);
  const to = toFloats(starting);
  const frames = from.length / channels;
  const mixed = new Float32Array(from.length);
  for (let frame = 0, at = 0; frame < frames; frame++) {
    // Centred on the frames: the first is not yet all of the old, the last not yet all of the new piece.
    const gain = (frame + 0.5) / frames;
    for (let channel = 0; channel < channels; channel++, at++) {
      mixed[at] = (from[at] ?? 0) * (1 - gain) + (to[at] ?? 0) * gain;
    }
  }
  return Buffer.from(mixed.buffer);
}

/** A copy, because chunks of a pipe may start at any address. */
function toFloats(chunks: readonly PcmRun[]): Float32Array {
  const bytes = new Uint8Array(Buffer.concat(chunks.map((chunk) => (chunk instanceof FileRun ? chunk.read() : chunk))));
  return new Float32Array(bytes.buffer);
}
