/**
 * Reads a stream of interleaved 32-bit floats (little endian) as whole frames of `channels` samples. Each array is the
 * consumer's own. Bytes of a last half frame are dropped.
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

/** The bytes as floats; copied, since a pooled buffer need not begin at a multiple of four. */
function toFloats(bytes: Uint8Array, length: number): Float32Array {
  const floats = new Float32Array(length / 4);
  new Uint8Array(floats.buffer).set(bytes.subarray(0, length));
  return floats;
}
