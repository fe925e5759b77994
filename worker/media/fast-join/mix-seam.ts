import type { Seam } from "./join-plan.ts";

/** Decoded samples of one span, interleaved; `at`: the output sample of the first. */
export interface SpanSound {
  readonly at: number;
  readonly samples: Float32Array;
}

/**
 * What is to be heard from output sample `from` to before `to`: the spans as they are, and from one to the next a linear
 * blend. Where neighbours leave a gap of the grid's making, each goes on into it mirrored, so that no hole is heard.
 * `sounds` are the spans' in order; null is silence.
 */
export function mixSeam(
  seam: Seam,
  sounds: readonly (SpanSound | null)[],
  range: { readonly from: number; readonly to: number; readonly channels: number },
): Float32Array {
  const { from, to, channels } = range;
  const mixed = new Float32Array((to - from) * channels);
  for (const [index, span] of seam.spans.entries()) {
    const sound = sounds[index] ?? null;
    const rise = seam.blends[index - 1];
    const begin = rise === undefined ? from : Math.max(from, rise.from);
    for (let at = begin; at < to; at++) {
      // Centred on the samples: the first is not yet all of the new piece.
      const gain = rise === undefined ? 1 : Math.min(1, (at - rise.from + 0.5) / (rise.to - rise.from));
      const source = sound === null ? -1 : mirror(at, span.from, span.to, index) - sound.at;
      for (let channel = 0; channel < channels; channel++) {
        const place = (at - from) * channels + channel;
        const value = source < 0 ? 0 : (sound?.samples[source * channels + channel] ?? 0);
        mixed[place] = (mixed[place] ?? 0) * (1 - gain) + value * gain;
      }
    }
  }
  return mixed;
}

/** The first span's own begin lies behind us, and nothing is mirrored there. */
function mirror(at: number, from: number, to: number, index: number): number {
  if (at >= to) return Math.max(index === 0 ? 0 : from, 2 * to - 1 - at);
  return at < from && index > 0 ? Math.min(to - 1, 2 * from - 1 - at) : at;
}
