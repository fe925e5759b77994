/** Taps of each phase of the interpolator. */
export const taps: i32 = 24;
const halfTaps: i32 = 12;

/** Highest magnitude of the curve in the two gaps beside the sample at that address. */
export function peakAround(at: usize, phases: usize, phaseCount: i32): f32 {
  let peak = abs(load<f32>(at));
  const first = at - (<usize>halfTaps << 2);
  for (let phase = 0; phase < phaseCount; phase++) {
    const weights = phases + (<usize>(phase * taps) << 2);
    let before = f32x4.splat(0);
    let after = f32x4.splat(0);
    for (let tap: usize = 0; tap < <usize>taps << 2; tap += 16) {
      const weight = v128.load(weights + tap);
      before = f32x4.add(before, f32x4.mul(weight, v128.load(first + tap)));
      after = f32x4.add(after, f32x4.mul(weight, v128.load(first + tap, 4)));
    }
    peak = max(peak, max(abs(sum(before)), abs(sum(after))));
  }
  return peak;
}

/** Highest magnitude of the curve in the gap behind each of the four samples at that address. */
// @ts-ignore: decorator
@inline
export function peaksBehind(at: usize, phases: usize, phaseCount: i32): v128 {
  let peaks = f32x4.splat(0);
  const first = at - (<usize>(halfTaps - 1) << 2);
  for (let phase = 0; phase < phaseCount; phase++) {
    const weights = phases + (<usize>(phase * taps) << 2);
    let even = f32x4.splat(0);
    let odd = f32x4.splat(0);
    for (let tap: usize = 0; tap < <usize>taps << 2; tap += 8) {
      even = f32x4.add(even, f32x4.mul(v128.load32_splat(weights + tap), v128.load(first + tap)));
      odd = f32x4.add(odd, f32x4.mul(v128.load32_splat(weights + tap, 4), v128.load(first + tap, 4)));
    }
    peaks = f32x4.max(peaks, f32x4.abs(f32x4.add(even, odd)));
  }
  return peaks;
}

// @ts-ignore: decorator
@inline
function sum(v: v128): f32 {
  return (
    f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3))
  );
}
