import { reserve } from "./memory";

/** Second order notches in a row, in place; what they are is told in notch-filter.ts. */
let channels: i32 = 0;
let passes: i32 = 0;
let states: usize = 0;
/** Interleaved samples, filtered where they lie. */
export let samples: usize = 0;
/** b0, a1 and a2 of each notch, 64-bit floats; an even number of notches. */
export let settings: usize = 0;

export function setup(channelCount: i32, notches: i32, capacity: i32): void {
  channels = channelCount;
  passes = notches / 2;
  samples = reserve(capacity * channels);
  settings = reserve(2 * 3 * notches);
  states = reserve(4 * 4 * passes * ((channels + 1) / 2) * 2);
}

/** Runs `count` frames through all notches, two at a time: the second's arithmetic fills the waits of the first. */
export function run(count: i32): void {
  for (let channel = 0; channel < channels; channel += 2) {
    for (let pass = 0; pass < passes; pass++) {
      const state = states + (<usize>((channel / 2) * passes + pass) << 6);
      runTwo(channel, count, settings + <usize>(48 * pass), state);
    }
  }
}

/** Two channels (an odd last one goes through alone) through two notches, transposed direct form II. */
function runTwo(channel: i32, count: i32, setting: usize, state: usize): void {
  const b = f64x2.splat(load<f64>(setting));
  const a1 = f64x2.splat(load<f64>(setting, 8));
  const a2 = f64x2.splat(load<f64>(setting, 16));
  const d = f64x2.splat(load<f64>(setting, 24));
  const c1 = f64x2.splat(load<f64>(setting, 32));
  const c2 = f64x2.splat(load<f64>(setting, 40));
  let s1 = v128.load(state);
  let s2 = v128.load(state, 16);
  let t1 = v128.load(state, 32);
  let t2 = v128.load(state, 48);
  const isPair = channel + 1 < channels;
  const step = <usize>channels << 2;
  let at = samples + (<usize>channel << 2);
  const end = at + <usize>count * step;
  for (; at < end; at += step) {
    const second = isPair ? load<f32>(at, 4) : 0;
    const x = f64x2.replace_lane(f64x2.splat(<f64>load<f32>(at)), 1, <f64>second);
    const bx = f64x2.mul(b, x);
    const y = f64x2.add(bx, s1);
    s1 = f64x2.add(f64x2.mul(a1, f64x2.sub(x, y)), s2);
    s2 = f64x2.sub(bx, f64x2.mul(a2, y));
    const dy = f64x2.mul(d, y);
    const z = f64x2.add(dy, t1);
    t1 = f64x2.add(f64x2.mul(c1, f64x2.sub(y, z)), t2);
    t2 = f64x2.sub(dy, f64x2.mul(c2, z));
    store<f32>(at, <f32>f64x2.extract_lane(z, 0));
    if (isPair) store<f32>(at, <f32>f64x2.extract_lane(z, 1), 4);
  }
  // What decays in silence would become subnormal, and a hundred times slower.
  v128.store(state, flush(s1));
  v128.store(state, flush(s2), 16);
  v128.store(state, flush(t1), 32);
  v128.store(state, flush(t2), 48);
}

// @ts-ignore: decorator
@inline
function flush(v: v128): v128 {
  return v128.and(v, f64x2.ge(f64x2.abs(v), f64x2.splat(1e-20)));
}
