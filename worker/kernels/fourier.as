import { reserve } from "./memory";

/**
 * Fourier transform of `2 * half` real samples: taken as half as many complex ones, transformed by Stockham's radix-4
 * passes (self-sorting, so without bit reversal), then told apart. Single precision, four at a time.
 */
let half: i32 = 0;
let workA: usize = 0;
let workB: usize = 0;
/** Six factors for each butterfly of each pass: of the first pass kind after kind, of the others together. */
export let twiddles: usize = 0;
/** cos and sin of 2πk/(2·half). */
export let turns: usize = 0;

export function setupFourier(points: i32): void {
  half = points;
  workA = reserve(2 * points);
  workB = reserve(2 * points);
  twiddles = reserve(2 * points);
  turns = reserve(2 * (points + 4));
}

/** Where a transform's input goes: real parts, then as many imaginary ones. */
// @ts-ignore: decorator
@inline
export function fourierInput(): usize {
  return workA;
}

// @ts-ignore: decorator
@inline
function firstPass(x: usize, y: usize, w: usize): void {
  const quarter = <usize>half; // quarter of the points, in bytes
  const points = <usize>half << 2;
  for (let p: usize = 0; p < quarter; p += 16) {
    const ar = v128.load(x + p);
    const br = v128.load(x + p + quarter);
    const cr = v128.load(x + p + 2 * quarter);
    const dr = v128.load(x + p + 3 * quarter);
    const ai = v128.load(x + points + p);
    const bi = v128.load(x + points + p + quarter);
    const ci = v128.load(x + points + p + 2 * quarter);
    const di = v128.load(x + points + p + 3 * quarter);
    const sumR = f32x4.add(ar, cr);
    const sumI = f32x4.add(ai, ci);
    const difR = f32x4.sub(ar, cr);
    const difI = f32x4.sub(ai, ci);
    const oddR = f32x4.add(br, dr);
    const oddI = f32x4.add(bi, di);
    const turnR = f32x4.sub(bi, di);
    const turnI = f32x4.sub(dr, br);
    const r1 = f32x4.add(difR, turnR);
    const i1 = f32x4.add(difI, turnI);
    const r2 = f32x4.sub(sumR, oddR);
    const i2 = f32x4.sub(sumI, oddI);
    const r3 = f32x4.sub(difR, turnR);
    const i3 = f32x4.sub(difI, turnI);
    const w1r = v128.load(w + p);
    const w1i = v128.load(w + p + quarter);
    const w2r = v128.load(w + p + 2 * quarter);
    const w2i = v128.load(w + p + 3 * quarter);
    const w3r = v128.load(w + p + 4 * quarter);
    const w3i = v128.load(w + p + 5 * quarter);
    storeTurned(
      y + 4 * p,
      f32x4.add(sumR, oddR),
      f32x4.sub(f32x4.mul(r1, w1r), f32x4.mul(i1, w1i)),
      f32x4.sub(f32x4.mul(r2, w2r), f32x4.mul(i2, w2i)),
      f32x4.sub(f32x4.mul(r3, w3r), f32x4.mul(i3, w3i)),
    );
    storeTurned(
      y + points + 4 * p,
      f32x4.add(sumI, oddI),
      f32x4.add(f32x4.mul(r1, w1i), f32x4.mul(i1, w1r)),
      f32x4.add(f32x4.mul(r2, w2i), f32x4.mul(i2, w2r)),
      f32x4.add(f32x4.mul(r3, w3i), f32x4.mul(i3, w3r)),
    );
  }
}

/** The four rows as columns. */
// @ts-ignore: decorator
@inline
function storeTurned(at: usize, a: v128, b: v128, c: v128, d: v128): void {
  const lowAb = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const highAb = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const lowCd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const highCd = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(at, v128.shuffle<f32>(lowAb, lowCd, 0, 1, 4, 5));
  v128.store(at, v128.shuffle<f32>(lowAb, lowCd, 2, 3, 6, 7), 16);
  v128.store(at, v128.shuffle<f32>(highAb, highCd, 0, 1, 4, 5), 32);
  v128.store(at, v128.shuffle<f32>(highAb, highCd, 2, 3, 6, 7), 48);
}

// @ts-ignore: decorator
@inline
function pass(x: usize, y: usize, w: usize, quarter: i32, stride: usize): void {
  const points = <usize>half << 2;
  const step = <usize>quarter * stride;
  for (let p = 0; p < quarter; p++, w += 24) {
    const w1r = f32x4.splat(load<f32>(w));
    const w1i = f32x4.splat(load<f32>(w, 4));
    const w2r = f32x4.splat(load<f32>(w, 8));
    const w2i = f32x4.splat(load<f32>(w, 12));
    const w3r = f32x4.splat(load<f32>(w, 16));
    const w3i = f32x4.splat(load<f32>(w, 20));
    const from = x + <usize>p * stride;
    const to = y + 4 * <usize>p * stride;
    for (let a: usize = 0; a < stride; a += 16) {
      const re = from + a;
      const im = re + points;
      const ar = v128.load(re);
      const br = v128.load(re + step);
      const cr = v128.load(re + 2 * step);
      const dr = v128.load(re + 3 * step);
      const ai = v128.load(im);
      const bi = v128.load(im + step);
      const ci = v128.load(im + 2 * step);
      const di = v128.load(im + 3 * step);
      const sumR = f32x4.add(ar, cr);
      const sumI = f32x4.add(ai, ci);
      const difR = f32x4.sub(ar, cr);
      const difI = f32x4.sub(ai, ci);
      const oddR = f32x4.add(br, dr);
      const oddI = f32x4.add(bi, di);
      const turnR = f32x4.sub(bi, di);
      const turnI = f32x4.sub(dr, br);
      const r1 = f32x4.add(difR, turnR);
      const i1 = f32x4.add(difI, turnI);
      const r2 = f32x4.sub(sumR, oddR);
      const i2 = f32x4.sub(sumI, oddI);
      const r3 = f32x4.sub(difR, turnR);
      const i3 = f32x4.sub(difI, turnI);
      const outRe = to + a;
      const outIm = outRe + points;
      v128.store(outRe, f32x4.add(sumR, oddR));
      v128.store(outIm, f32x4.add(sumI, oddI));
      v128.store(outRe + stride, f32x4.sub(f32x4.mul(r1, w1r), f32x4.mul(i1, w1i)));
      v128.store(outIm + stride, f32x4.add(f32x4.mul(r1, w1i), f32x4.mul(i1, w1r)));
      v128.store(outRe + 2 * stride, f32x4.sub(f32x4.mul(r2, w2r), f32x4.mul(i2, w2i)));
      v128.store(outIm + 2 * stride, f32x4.add(f32x4.mul(r2, w2i), f32x4.mul(i2, w2r)));
      v128.store(outRe + 3 * stride, f32x4.sub(f32x4.mul(r3, w3r), f32x4.mul(i3, w3i)));
      v128.store(outIm + 3 * stride, f32x4.add(f32x4.mul(r3, w3i), f32x4.mul(i3, w3r)));
    }
  }
}

/** Transforms what lies at `fourierInput()` and gives the place of the result. */
function transform(): usize {
  let from = workA;
  let to = workB;
  let w = twiddles;
  let length = half;
  firstPass(from, to, w);
  for (let stride: usize = 16; ; stride *= 4) {
    const swap = from;
    from = to;
    to = swap;
    w += <usize>(length >> 2) * 24;
    length >>= 2;
    if (length < 4) break;
    pass(from, to, w, length >> 2, stride);
  }
  if (length == 1) return from;
  const points = <usize>half << 2;
  for (let part: usize = 0; part < 2 * points; part += points) {
    for (let k = part; k < part + points / 2; k += 16) {
      const a = v128.load(from + k);
      const b = v128.load(from + k + points / 2);
      v128.store(to + k, f32x4.add(a, b));
      v128.store(to + k + points / 2, f32x4.sub(a, b));
    }
  }
  return to;
}

// @ts-ignore: decorator
@inline
function reverse(v: v128): v128 {
  return v128.shuffle<f32>(v, v, 3, 2, 1, 0);
}

/** Half + 1 bins, unscaled, of the samples at `fourierInput()`: the even ones as real, the odd as imaginary parts. */
export function forward(re: usize, im: usize): void {
  const z = transform();
  const points = <usize>half << 2;
  const first = load<f32>(z);
  const firstI = load<f32>(z + points);
  const h = f32x4.splat(0.5);
  for (let k: usize = 4; k <= points / 2; k += 16) {
    const back = points - k - 12;
    const ar = v128.load(z + k);
    const ai = v128.load(z + points + k);
    const br = reverse(v128.load(z + back));
    const bi = reverse(v128.load(z + points + back));
    const c = v128.load(turns + k);
    const s = v128.load(turns + points + 16 + k);
    const oddR = f32x4.mul(h, f32x4.add(ai, bi));
    const oddI = f32x4.mul(h, f32x4.sub(br, ar));
    const mean = f32x4.mul(h, f32x4.add(ar, br));
    const difference = f32x4.mul(h, f32x4.sub(ai, bi));
    const t = f32x4.add(f32x4.mul(c, oddR), f32x4.mul(s, oddI));
    const u = f32x4.sub(f32x4.mul(c, oddI), f32x4.mul(s, oddR));
    v128.store(re + k, f32x4.add(mean, t));
    v128.store(im + k, f32x4.add(difference, u));
    v128.store(re + back, reverse(f32x4.sub(mean, t)));
    v128.store(im + back, reverse(f32x4.sub(u, difference)));
  }
  store<f32>(re, first + firstI);
  store<f32>(im, 0);
  store<f32>(re + points, first - firstI);
  store<f32>(im + points, 0);
}

/** Half times the samples, the odd ones negated: even ones at the place that is returned, odd ones `4 * half` behind. */
export function inverse(re: usize, im: usize): usize {
  const z = workA;
  const points = <usize>half << 2;
  const h = f32x4.splat(0.5);
  // The conjugate goes in, so that a forward transform gives the conjugate of the inverse.
  for (let k: usize = 4; k <= points / 2; k += 16) {
    const back = points - k - 12;
    const ar = v128.load(re + k);
    const ai = v128.load(im + k);
    const br = reverse(v128.load(re + back));
    const bi = reverse(v128.load(im + back));
    const c = v128.load(turns + k);
    const s = v128.load(turns + points + 16 + k);
    const difR = f32x4.mul(h, f32x4.sub(ar, br));
    const difI = f32x4.mul(h, f32x4.add(ai, bi));
    const mean = f32x4.mul(h, f32x4.add(ar, br));
    const difference = f32x4.mul(h, f32x4.sub(ai, bi));
    const t = f32x4.add(f32x4.mul(c, difI), f32x4.mul(s, difR));
    const v = f32x4.sub(f32x4.mul(c, difR), f32x4.mul(s, difI));
    v128.store(z + k, f32x4.sub(mean, t));
    v128.store(z + points + k, f32x4.neg(f32x4.add(difference, v)));
    v128.store(z + back, reverse(f32x4.add(mean, t)));
    v128.store(z + points + back, reverse(f32x4.sub(difference, v)));
  }
  const first = load<f32>(re);
  const last = load<f32>(re + points);
  store<f32>(z, (first + last) / 2);
  store<f32>(z + points, (last - first) / 2);
  return transform();
}
