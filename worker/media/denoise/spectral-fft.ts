/**
 * Fourier transform of real signals of a power of two: the samples are taken as half as many complex ones, transformed by
 * Stockham's radix-4 passes (self-sorting, so without bit reversal), then told apart. Tables and work space are made
 * once. A third of the time of the general transform, which matters at a hundred thousand frames a file.
 */
export interface RealFft {
  readonly size: number;
  /** Unscaled; writes size/2 + 1 bins. `re` and `im` have at least so many. */
  forward(samples: Float64Array, re: Float64Array, im: Float64Array): void;
  /** Scaled by 1/size; the imaginary parts of the first and last bin are ignored. `re` and `im` are left as they are. */
  inverse(re: Float64Array, im: Float64Array, samples: Float64Array): void;
}

interface Pass {
  readonly quarter: number;
  readonly stride: number;
  /** cos and sin of one, two and three times each angle. */
  readonly twiddles: Float64Array;
}

/** Throws RangeError unless `size` is a power of two from 16. */
export function createRealFft(size: number): RealFft {
  if (size < 16 || (size & (size - 1)) !== 0) {
    throw new RangeError(`an FFT of ${size} points; give a power of two from 16`);
  }
  const half = size / 2;
  const passes = buildPasses(half);
  const cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sin = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  const work = [
    new Float64Array(half),
    new Float64Array(half),
    new Float64Array(half),
    new Float64Array(half),
  ] as const;

  /** Transforms `work[0]` + i·`work[1]` and returns the pair that holds the result. */
  const transform = (): readonly [Float64Array, Float64Array] => {
    let [fromRe, fromIm, toRe, toIm]: readonly [Float64Array, Float64Array, Float64Array, Float64Array] = work;
    for (const pass of passes) {
      if (pass.quarter === 0) lastTwo(fromRe, fromIm, toRe, toIm, half);
      else passFour(fromRe, fromIm, toRe, toIm, pass);
      [fromRe, fromIm, toRe, toIm] = [toRe, toIm, fromRe, fromIm];
    }
    return [fromRe, fromIm];
  };

  return {
    size,
    forward(samples, re, im) {
      const [even, odd] = work;
      for (let k = 0, at = 0; k < half; k++, at += 2) {
        even[k] = samples[at] as number;
        odd[k] = samples[at + 1] as number;
      }
      const [zr, zi] = transform();
      re[0] = (zr[0] as number) + (zi[0] as number);
      im[0] = 0;
      re[half] = (zr[0] as number) - (zi[0] as number);
      im[half] = 0;
      for (let k = 1; k < half; k++) {
        const ar = zr[k] as number;
        const ai = zi[k] as number;
        const br = zr[half - k] as number;
        const bi = zi[half - k] as number;
        const c = cos[k] as number;
        const s = sin[k] as number;
        const oddR = (ai + bi) / 2;
        const oddI = (br - ar) / 2;
        re[k] = (ar + br) / 2 + c * oddR + s * oddI;
        im[k] = (ai - bi) / 2 + c * oddI - s * oddR;
      }
    },
    inverse(re, im, samples) {
      const [zr, zi] = work;
      const first = re[0] as number;
      const last = re[half] as number;
      // The conjugate goes in, so that a forward transform gives the conjugate of the inverse.
      zr[0] = (first + last) / 2;
      zi[0] = -(first - last) / 2;
      for (let k = 1; k < half; k++) {
        const ar = re[k] as number;
        const ai = im[k] as number;
        const br = re[half - k] as number;
        const bi = im[half - k] as number;
        const c = cos[k] as number;
        const s = sin[k] as number;
        const difR = (ar - br) / 2;
        const difI = (ai + bi) / 2;
        zr[k] = (ar + br) / 2 - (c * difI + s * difR);
        zi[k] = -((ai - bi) / 2 + (c * difR - s * difI));
      }
      const [even, odd] = transform();
      const scale = 1 / half;
      for (let k = 0, at = 0; k < half; k++, at += 2) {
        samples[at] = (even[k] as number) * scale;
        samples[at + 1] = -(odd[k] as number) * scale;
      }
    },
  };
}

function buildPasses(points: number): readonly Pass[] {
  const passes: Pass[] = [];
  let stride = 1;
  let length = points;
  for (; length >= 4; length /= 4, stride *= 4) {
    const quarter = length / 4;
    const twiddles = new Float64Array(quarter * 6);
    for (let p = 0; p < quarter; p++) {
      for (let power = 1; power <= 3; power++) {
        const angle = (-2 * Math.PI * p * power) / length;
        twiddles[6 * p + 2 * power - 2] = Math.cos(angle);
        twiddles[6 * p + 2 * power - 1] = Math.sin(angle);
      }
    }
    passes.push({ quarter, stride, twiddles });
  }
  if (length === 2) passes.push({ quarter: 0, stride, twiddles: new Float64Array(0) });
  return passes;
}

function passFour(xr: Float64Array, xi: Float64Array, yr: Float64Array, yi: Float64Array, pass: Pass): void {
  const { quarter, stride, twiddles } = pass;
  const step = quarter * stride;
  for (let p = 0; p < quarter; p++) {
    const at = 6 * p;
    const w1r = twiddles[at] as number;
    const w1i = twiddles[at + 1] as number;
    const w2r = twiddles[at + 2] as number;
    const w2i = twiddles[at + 3] as number;
    const w3r = twiddles[at + 4] as number;
    const w3i = twiddles[at + 5] as number;
    const end = stride * (p + 1);
    for (let a = stride * p, o = 4 * stride * p; a < end; a++, o++) {
      const ar = xr[a] as number;
      const ai = xi[a] as number;
      const br = xr[a + step] as number;
      const bi = xi[a + step] as number;
      const cr = xr[a + 2 * step] as number;
      const ci = xi[a + 2 * step] as number;
      const dr = xr[a + 3 * step] as number;
      const di = xi[a + 3 * step] as number;
      const sumR = ar + cr;
      const sumI = ai + ci;
      const difR = ar - cr;
      const difI = ai - ci;
      const oddR = br + dr;
      const oddI = bi + di;
      const turnR = bi - di;
      const turnI = dr - br;
      yr[o] = sumR + oddR;
      yi[o] = sumI + oddI;
      let tr = difR + turnR;
      let ti = difI + turnI;
      yr[o + stride] = tr * w1r - ti * w1i;
      yi[o + stride] = tr * w1i + ti * w1r;
      tr = sumR - oddR;
      ti = sumI - oddI;
      yr[o + 2 * stride] = tr * w2r - ti * w2i;
      yi[o + 2 * stride] = tr * w2i + ti * w2r;
      tr = difR - turnR;
      ti = difI - turnI;
      yr[o + 3 * stride] = tr * w3r - ti * w3i;
      yi[o + 3 * stride] = tr * w3i + ti * w3r;
    }
  }
}

function lastTwo(xr: Float64Array, xi: Float64Array, yr: Float64Array, yi: Float64Array, points: number): void {
  const half = points / 2;
  for (let k = 0; k < half; k++) {
    const ar = xr[k] as number;
    const ai = xi[k] as number;
    const br = xr[k + half] as number;
    const bi = xi[k + half] as number;
    yr[k] = ar + br;
    yi[k] = ai + bi;
    yr[k + half] = ar - br;
    yi[k + half] = ai - bi;
  }
}
