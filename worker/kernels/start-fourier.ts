import { type Kernel, startKernel } from "./run-kernel.ts";

/** A kernel that transforms `windowSize` samples, with its tables and that window. */
export function startFourier(
  name: "cancel" | "denoise" | "survey",
  sizes: readonly number[],
  window: Float64Array,
): Kernel {
  const kernel = startKernel(name, sizes);
  const half = window.length / 2;
  kernel.floats(kernel.read("weights"), window.length).set(window);
  kernel.floats(kernel.read("twiddles"), 2 * half).set(buildTwiddles(half));
  const turns = kernel.floats(kernel.read("turns"), 2 * (half + 4));
  for (let k = 0; k < half; k++) {
    turns[k] = Math.cos((Math.PI * k) / half);
    turns[half + 4 + k] = Math.sin((Math.PI * k) / half);
  }
  return kernel;
}

/** cos and sin of one, two and three times each angle of each pass: of the first pass kind after kind (see fourier.as). */
function buildTwiddles(points: number): Float32Array {
  const twiddles = new Float32Array(2 * points);
  let start = 0;
  for (let length = points; length >= 4; length /= 4) {
    const quarter = length / 4;
    for (let p = 0; p < quarter; p++) {
      for (let power = 1; power <= 3; power++) {
        const angle = (-2 * Math.PI * p * power) / length;
        const [re, im] = [2 * power - 2, 2 * power - 1];
        twiddles[start + (length === points ? re * quarter + p : 6 * p + re)] = Math.cos(angle);
        twiddles[start + (length === points ? im * quarter + p : 6 * p + im)] = Math.sin(angle);
      }
    }
    start += 6 * quarter;
  }
  return twiddles;
}
