/** Rounded and clipped, as a player does with 16 bits; written to `integers`, which has room for as many. */
export function toPcm16(samples: Float32Array, integers = new Int16Array(samples.length)): Uint8Array {
  for (let at = 0; at < samples.length; at++) {
    // What Math.round does, at a third of its cost.
    const scaled = Math.floor((samples[at] as number) * 32_768 + 0.5);
    integers[at] = scaled > 32_767 ? 32_767 : scaled < -32_768 ? -32_768 : scaled;
  }
  return new Uint8Array(integers.buffer, integers.byteOffset, 2 * samples.length);
}
