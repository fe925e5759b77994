/** Counts samples beyond full scale on their way into an encoder that will clip them. */
export interface OversCounter {
  /** f32le in whole samples. */
  push(chunk: Buffer): void;
  /** Samples beyond ±1, of all channels. */
  readonly count: number;
  /** Largest magnitude, 1 at the least. */
  readonly peak: number;
}

const oneAsBits = 0x3f80_0000;

export function createOversCounter(): OversCounter {
  let count = 0;
  let peakBits = oneAsBits;
  return {
    push(chunk) {
      const bytes = chunk.byteOffset % 4 === 0 ? chunk : new Uint8Array(chunk);
      // Without the sign bit, floats of IEEE 754 are in the order of their bits as integers.
      const bits = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
      for (const value of bits) {
        const magnitude = value & 0x7fff_ffff;
        if (magnitude > oneAsBits) {
          count++;
          if (magnitude > peakBits) peakBits = magnitude;
        }
      }
    },
    get count() {
      return count;
    },
    get peak() {
      return new Float32Array(Int32Array.of(peakBits).buffer)[0] ?? 1;
    },
  };
}
