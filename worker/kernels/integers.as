import { reserve } from "./memory";

/** Floats to the integers of a PCM file, as swresample rounds and clips them, and back. */
export let input: usize = 0;
export let output: usize = 0;

export function setup(capacity: i32): void {
  // Lanes of four, and a last store of 16 bytes for 12.
  input = reserve(capacity + 4);
  output = reserve(capacity + 4);
}

/** Largest magnitude of the first `count` floats, which nought follows to a whole lane of four. */
export function peak(count: i32): f32 {
  let highest = f32x4.splat(0);
  for (let at = input, end = input + (<usize>count << 2); at < end; at += 16) {
    highest = f32x4.max(highest, f32x4.abs(v128.load(at)));
  }
  highest = f32x4.max(highest, v128.shuffle<f32>(highest, highest, 2, 3, 0, 1));
  return max(f32x4.extract_lane(highest, 0), f32x4.extract_lane(highest, 1));
}

/** The first `count` floats to 16 bits in `output`; in their place is left what these stand for. */
export function toS16(count: i32): void {
  const scale = f32x4.splat(32768);
  const back = f32x4.splat(1.0 / 32768);
  let to = output;
  for (let at = input, end = input + (<usize>count << 2); at < end; at += 16, to += 8) {
    const rounded = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), scale)));
    const narrow = i16x8.narrow_i32x4_s(rounded, rounded);
    v128.store64_lane(to, narrow, 0);
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(narrow)), back));
  }
}

/** The same with 24 bits: the upper ones of 32, cut, not rounded. */
export function toS24(count: i32): void {
  const scale = f32x4.splat(2147483648);
  const back = f32x4.splat(1.0 / 8388608);
  let to = output;
  for (let at = input, end = input + (<usize>count << 2); at < end; at += 16, to += 12) {
    const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(at), scale)));
    const upper = i32x4.shr_s(whole, 8);
    v128.store(to, i8x16.shuffle(upper, upper, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 12, 13, 14, 15));
    v128.store(at, f32x4.mul(f32x4.convert_i32x4_s(upper), back));
  }
}
