/**
 * Reads a stream of interleaved 32-bit floats (little endian) as whole frames of `channels` samples. The arrays lie in the
 * stream's chunks, which are the consumer's own from then on: copies would double the garbage, which makes the process
 * larger. Bytes of a last half frame are dropped.
 */
export async function* readFloatFrames(
  stream: AsyncIterable<Uint8Array>,
  channels: number,
): AsyncGenerator<Float32Array> {
  const frameBytes = 4 * channels;
  let rest: Uint8Array | null = null;
  for await (const chunk of stream) {
    const bytes: Uint8Array = rest === null ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % frameBytes);
    rest = whole === bytes.length ? null : Buffer.from(bytes.subarray(whole));
    if (whole > 0) yield toFloats(bytes, whole);
  }
}

/** The bytes as floats, where they lie; copied only from an address that is no multiple of four. */
export function toFloats(bytes: Uint8Array, length = bytes.length): Float32Array {
  if (bytes.byteOffset % 4 === 0) return new Float32Array(bytes.buffer, bytes.byteOffset, length / 4);
  const floats = new Float32Array(length / 4);
  new Uint8Array(floats.buffer).set(bytes.subarray(0, length));
  return floats;
}
