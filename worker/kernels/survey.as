import { forward, fourierInput, setupFourier } from "./fourier";
import { reserve } from "./memory";

export { turns, twiddles } from "./fourier";

/** Power spectra for the noise survey; what is read from them is told in spectral-survey.ts. */
let size: i32 = 0;
let re: usize = 0;
let im: usize = 0;
export let samples: usize = 0;
export let weights: usize = 0;
/** Half the size plus one, unscaled. */
export let powers: usize = 0;

export function setup(windowSize: i32): void {
  size = windowSize;
  const half = windowSize / 2;
  setupFourier(half);
  samples = reserve(windowSize);
  weights = reserve(windowSize);
  re = reserve(half + 4);
  im = reserve(half + 4);
  powers = reserve(half + 4);
}

/** Of `samples` less `offset`, under the window. */
export function transform(offset: f32): void {
  const z = fourierInput();
  const points = <usize>size << 1;
  const mean = f32x4.splat(offset);
  for (let at: usize = 0, to: usize = 0; to < points; at += 32, to += 16) {
    const a = f32x4.mul(f32x4.sub(v128.load(samples + at), mean), v128.load(weights + at));
    const b = f32x4.mul(f32x4.sub(v128.load(samples + at, 16), mean), v128.load(weights + at, 16));
    v128.store(z + to, v128.shuffle<f32>(a, b, 0, 2, 4, 6));
    v128.store(z + points + to, v128.shuffle<f32>(a, b, 1, 3, 5, 7));
  }
  forward(re, im);
  for (let bin: usize = 0; bin <= points; bin += 16) {
    const real = v128.load(re + bin);
    const imaginary = v128.load(im + bin);
    v128.store(powers + bin, f32x4.add(f32x4.mul(real, real), f32x4.mul(imaginary, imaginary)));
  }
}
