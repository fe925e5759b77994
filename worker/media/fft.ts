/**
 * In-place complex FFT of a power of two (radix 2 with a first pass of radix 4, tables made once). Two real signals are
 * transformed at once by taking one as the imaginary part: `splitPair` tells their spectra apart.
 */
export interface Fft {
  readonly size: number;
  /** Forward transform, unscaled. */
  forward(re: Float64Array, im: Float64Array): void;
  /** Inverse transform, scaled by 1/size. */
  inverse(re: Float64Array, im: Float64Array): void;
}

export function createFft(size: number): Fft {
  if (size < 8 || (size & (size - 1)) !== 0)
    throw new RangeError(`an FFT of ${size} points; give a power of two from 8`);
  const cos = new Float64Array(size / 2);
  const sin = new Float64Array(size / 2);
  for (let k = 0; k < size / 2; k++) {
    cos[k] = Math.cos((2 * Math.PI * k) / size);
    sin[k] = -Math.sin((2 * Math.PI * k) / size);
  }
  const swaps = buildSwaps(size);

  const forward = (re: Float64Array, im: Float64Array): void => {
    for (let at = 0; at < swaps.length; at += 2) {
      const a = swaps[at] as number;
      const b = swaps[at + 1] as number;
      const r = re[a] as number;
      re[a] = re[b] as number;
      re[b] = r;
      const i = im[a] as number;
      im[a] = im[b] as number;
      im[b] = i;
    }
    firstTwoPasses(re, im, size);
    for (let half = 4; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0, at = start, t = 0; k < half; k++, at++, t += stride) {
          const wr = cos[t] as number;
          const wi = sin[t] as number;
          const br = re[at + half] as number;
          const bi = im[at + half] as number;
          const tr = wr * br - wi * bi;
          const ti = wr * bi + wi * br;
          const ar = re[at] as number;
          const ai = im[at] as number;
          re[at] = ar + tr;
          im[at] = ai + ti;
          re[at + half] = ar - tr;
          im[at + half] = ai - ti;
        }
      }
    }
  };

  return {
    size,
    forward,
    inverse(re, im) {
      // Swapping the parts turns a forward transform into an inverse one.
      forward(im, re);
      const scale = 1 / size;
      for (let at = 0; at < size; at++) {
        re[at] = (re[at] as number) * scale;
        im[at] = (im[at] as number) * scale;
      }
    },
  };
}

/** Passes of 2 and 4 points, whose factors are 1 and −i. */
function firstTwoPasses(re: Float64Array, im: Float64Array, size: number): void {
  for (let at = 0; at < size; at += 4) {
    const [r0, r1, r2, r3] = [re[at] as number, re[at + 1] as number, re[at + 2] as number, re[at + 3] as number];
    const [i0, i1, i2, i3] = [im[at] as number, im[at + 1] as number, im[at + 2] as number, im[at + 3] as number];
    const sr = r0 + r1;
    const si = i0 + i1;
    const dr = r0 - r1;
    const di = i0 - i1;
    const ur = r2 + r3;
    const ui = i2 + i3;
    const vr = r2 - r3;
    const vi = i2 - i3;
    re[at] = sr + ur;
    im[at] = si + ui;
    re[at + 1] = dr + vi;
    im[at + 1] = di - vr;
    re[at + 2] = sr - ur;
    im[at + 2] = si - ui;
    re[at + 3] = dr - vi;
    im[at + 3] = di + vr;
  }
}

/** Pairs of indices that bit reversal exchanges. */
function buildSwaps(size: number): Uint32Array {
  const bits = Math.log2(size);
  const pairs: number[] = [];
  for (let index = 0; index < size; index++) {
    let reversed = 0;
    for (let bit = 0; bit < bits; bit++) reversed |= ((index >> bit) & 1) << (bits - 1 - bit);
    if (reversed > index) pairs.push(index, reversed);
  }
  return Uint32Array.from(pairs);
}
