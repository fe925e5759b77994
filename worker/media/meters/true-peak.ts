/** Taps of each phase of the interpolator. */
const taps = 24;
const half = taps / 2;

/** How many times the rate is raised: to 192 kHz or more for the common ones, as BS.1770-4 annex 2 asks at least. */
export const oversampling = (sampleRateHz: number): number =>
  sampleRateHz >= 176_400 ? 1 : sampleRateHz >= 88_200 ? 2 : 4;

/** Phases 1 … factor−1 of a Kaiser-windowed sinc (β = 8, stop band about −80 dB), each normalised to unity gain. */
export function buildPhases(factor: number): readonly Float64Array[] {
  return Array.from({ length: factor - 1 }, (_, index) => {
    const offset = (index + 1) / factor;
    const phase = Float64Array.from({ length: taps }, (_tap, tap) => {
      const x = tap - (half - 1) - offset;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      return sinc * besselI0(8 * Math.sqrt(Math.max(0, 1 - (x / half) ** 2)));
    });
    const sum = phase.reduce((total, value) => total + value, 0);
    return phase.map((value) => value / sum);
  });
}

function besselI0(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** Samples before and after a position that `peakAround` looks at. */
export const truePeakReach = half + 1;

/**
 * Highest magnitude of the curve through `samples` in the two gaps beside `at`. `at` must be `truePeakReach` away from
 * both ends.
 */
export function peakAround(samples: Float32Array, at: number, phases: readonly Float64Array[]): number {
  let peak = Math.abs(samples[at] ?? 0);
  for (const phase of phases) {
    let before = 0;
    let after = 0;
    const first = at - half;
    for (let tap = 0; tap < taps; tap++) {
      const weight = phase[tap] ?? 0;
      before += weight * (samples[first + tap] ?? 0);
      after += weight * (samples[first + 1 + tap] ?? 0);
    }
    peak = Math.max(peak, Math.abs(before), Math.abs(after));
  }
  return peak;
}
