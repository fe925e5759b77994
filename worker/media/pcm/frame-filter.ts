/** A filter of interleaved 32-bit floats, whole frames; its latency is its own affair: the first frame out is the first in. */
export interface FrameFilter {
  push(samples: Float32Array): Float32Array;
  /** What was held back. */
  finish(): Float32Array;
}

/** One after the other. */
export function chainFilters(filters: readonly FrameFilter[]): FrameFilter {
  const run = (from: number, samples: Float32Array): Float32Array =>
    filters.slice(from).reduce((current, filter) => (current.length === 0 ? current : filter.push(current)), samples);
  return {
    push: (samples) => run(0, samples),
    finish() {
      const tails = filters.map((filter, index) => run(index + 1, filter.finish()));
      return joinFrames(tails);
    },
  };
}

export function joinFrames(parts: readonly Float32Array[]): Float32Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
