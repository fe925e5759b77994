import { reserve } from "./memory";
import { peakAround, peaksBehind, taps } from "./true-peak";

/** The arithmetic of the loudness meter; what it means is told in loudness-meter.ts and true-peak.ts. */
/** Samples that are kept of what came before, twice what a peak needs on either side of it. */
const carry: i32 = 26;

let channels: i32 = 0;
let phaseCount: i32 = 0;
/** Bytes of one channel's row of samples: the carried ones, then the new. */
let row: usize = 0;
let rows: usize = 0;
let states: usize = 0;
/** Interleaved samples are written here. */
export let input: usize = 0;
/** For each phase its taps. */
export let phases: usize = 0;
/** b0, b1, b2, a1, a2 of the shelf, a1 and a2 of the high-pass, then a weight for each channel; 64-bit floats. */
export let settings: usize = 0;
export let truePeak: f32 = 0;

export function setup(channelCount: i32, phaseTotal: i32, capacity: i32): void {
  channels = channelCount;
  phaseCount = phaseTotal;
  input = reserve(capacity * channels);
  phases = reserve(phaseTotal * taps);
  settings = reserve(2 * (7 + channels + 1));
  found = reserve(2 * mostFound);
  states = reserve(8 * 2 * ((channels + 1) / 2));
  row = <usize>(carry + capacity + 6) << 2;
  rows = reserve(channels * (carry + capacity + 6));
}

/** Takes `count` frames from `input`, each channel behind the last samples of those before (`before` frames). */
export function take(count: i32, before: i32): void {
  const kept = <usize>carry << 2;
  for (let channel = 0; channel < channels; channel++) {
    const lane = rows + <usize>channel * row;
    memory.copy(lane, lane + (<usize>before << 2), kept);
    let from = input + (<usize>channel << 2);
    const step = <usize>channels << 2;
    const end = lane + kept + (<usize>count << 2);
    if (channels == 1) {
      memory.copy(lane + kept, input, <usize>count << 2);
      continue;
    }
    for (let at = lane + kept; at < end; at += 4, from += step) store<f32>(at, load<f32>(from));
  }
}

/** Raises `truePeak` to what [from, to) of the frames hold, counted from the middle of the carried ones. */
export function scan(from: i32, to: i32): void {
  for (let channel = 0; channel < channels; channel++) {
    const middle = rows + <usize>channel * row + (<usize>(carry / 2) << 2);
    const lane = middle + (<usize>from << 2);
    const end = middle + (<usize>to << 2);
    if (isRough(lane, end)) {
      scanGaps(lane, end);
      continue;
    }
    let floor = f32x4.splat(truePeak * 0.5);
    for (let at = lane; at < end; at += 16) {
      const level = f32x4.abs(v128.load(at));
      if (!v128.any_true(f32x4.gt(level, floor))) continue;
      const before = f32x4.abs(v128.load(at - 4));
      const after = f32x4.abs(v128.load(at + 4));
      const high = v128.and(
        f32x4.gt(level, floor),
        v128.and(f32x4.ge(level, before), f32x4.ge(level, after)),
      );
      let mask = i32x4.bitmask(high);
      for (let one = at; mask != 0 && one < end; mask >>= 1, one += 4) {
        if ((mask & 1) == 0) continue;
        const found = peakAround(one, phases, phaseCount);
        if (found > truePeak) truePeak = found;
      }
      floor = f32x4.splat(truePeak * 0.5);
    }
  }
}

/**
 * Whether what changes from sample to sample holds more than the samples themselves, as above a sixth of the rate: the
 * curve's peaks need then not lie beside those of the samples. Speech and music are far from it.
 */
function isRough(lane: usize, end: usize): bool {
  let levels = f32x4.splat(0);
  let changes = f32x4.splat(0);
  for (let at = lane; at < end; at += 16) {
    const samples = v128.load(at);
    const change = f32x4.sub(samples, v128.load(at - 4));
    levels = f32x4.add(levels, f32x4.mul(samples, samples));
    changes = f32x4.add(changes, f32x4.mul(change, change));
  }
  const rest = f32x4.sub(changes, levels);
  return (
    f32x4.extract_lane(rest, 0) + f32x4.extract_lane(rest, 1) + f32x4.extract_lane(rest, 2) + f32x4.extract_lane(rest, 3) > 0
  );
}

/**
 * Raises `truePeak` to what any gap holds beside a sample of at least 0.4 of it: the interpolator's taps add up to 2.21, so no
 * other gap can hold more.
 */
function scanGaps(lane: usize, end: usize): void {
  let floor = f32x4.splat(truePeak * 0.4);
  // A gap belongs to the sample before it: the first one's other gap too.
  for (let at = lane - 4; at < end; at += 16) {
    const level = f32x4.abs(v128.load(at));
    const next = f32x4.abs(v128.load(at + 4));
    if (!v128.any_true(f32x4.gt(f32x4.max(level, next), floor))) continue;
    const peaks = f32x4.max(level, peaksBehind(at, phases, phaseCount));
    for (let one = 0; one < 4 && at + (<usize>one << 2) < end; one++) {
      truePeak = max(truePeak, lane4(peaks, one));
    }
    floor = f32x4.splat(truePeak * 0.4);
  }
}

// @ts-ignore: decorator
@inline
function lane4(values: v128, index: i32): f32 {
  if (index == 0) return f32x4.extract_lane(values, 0);
  if (index == 1) return f32x4.extract_lane(values, 1);
  return index == 2 ? f32x4.extract_lane(values, 2) : f32x4.extract_lane(values, 3);
}

/** What `find` found: frame as for `scan`, then the peak. */
export let found: usize = 0;
const mostFound: i32 = 64;

/**
 * Notes, one behind the other, the local maxima of a channel's frames [from, to), counted as for `scan`, whose peak passes
 * `ceiling`; looks beside those of at least `least`. Returns how many; where there is room for no more, those behind the
 * last one that was noted are still to be looked at.
 */
export function find(channel: i32, from: i32, to: i32, least: f32, ceiling: f32): i32 {
  const middle = rows + <usize>channel * row + (<usize>(carry / 2) << 2);
  const end = middle + (<usize>to << 2);
  const floor = f32x4.splat(least);
  let count = 0;
  for (let at = middle + (<usize>from << 2); at < end; at += 16) {
    const level = f32x4.abs(v128.load(at));
    const loud = f32x4.ge(level, floor);
    if (!v128.any_true(loud)) continue;
    const before = f32x4.abs(v128.load(at - 4));
    const after = f32x4.abs(v128.load(at + 4));
    let mask = i32x4.bitmask(v128.and(loud, v128.and(f32x4.ge(level, before), f32x4.ge(level, after))));
    for (let one = at; mask != 0 && one < end; mask >>= 1, one += 4) {
      if ((mask & 1) == 0) continue;
      const peak = peakAround(one, phases, phaseCount);
      if (peak <= ceiling) continue;
      const place = found + (<usize>count << 3);
      store<i32>(place, <i32>((one - middle) >> 2));
      store<f32>(place, peak, 4);
      if (++count == mostFound) return count;
    }
  }
  return count;
}

/** Largest magnitude of the new frames [from, to) over all channels. */
export function samplePeak(from: i32, to: i32): f32 {
  let peak: f32 = 0;
  for (let channel = 0; channel < channels; channel++) {
    const lane = rows + <usize>channel * row + (<usize>carry << 2);
    const end = lane + (<usize>to << 2);
    let at = lane + (<usize>from << 2);
    let highest = f32x4.splat(0);
    for (; at + 16 <= end; at += 16) highest = f32x4.max(highest, f32x4.abs(v128.load(at)));
    for (; at < end; at += 4) peak = max(peak, abs(load<f32>(at)));
    for (let lane4 = 0; lane4 < 4; lane4++) {
      peak = max(peak, f32x4.extract_lane(highest, 0));
      highest = v128.shuffle<f32>(highest, highest, 1, 2, 3, 0);
    }
  }
  return peak;
}

/** Weighted sum of squares behind both filters (transposed direct form II) of the new frames [from, to). */
export function energy(from: i32, to: i32): f64 {
  const b0 = f64x2.splat(load<f64>(settings));
  const b1 = f64x2.splat(load<f64>(settings, 8));
  const b2 = f64x2.splat(load<f64>(settings, 16));
  const a1 = f64x2.splat(load<f64>(settings, 24));
  const a2 = f64x2.splat(load<f64>(settings, 32));
  const c1 = f64x2.splat(load<f64>(settings, 40));
  const c2 = f64x2.splat(load<f64>(settings, 48));
  let total: f64 = 0;
  for (let channel = 0; channel < channels; channel += 2) {
    const first = rows + <usize>channel * row + (<usize>(carry + from) << 2);
    // An odd last channel goes through twice; its second weight is nought.
    const second = channel + 1 < channels ? row : 0;
    const state = states + <usize>channel * 32;
    let s1 = v128.load(state);
    let s2 = v128.load(state, 16);
    let h1 = v128.load(state, 32);
    let h2 = v128.load(state, 48);
    let squares = f64x2.splat(0);
    const end = first + (<usize>(to - from) << 2);
    for (let at = first; at < end; at += 4) {
      const x = f64x2.replace_lane(f64x2.splat(<f64>load<f32>(at)), 1, <f64>load<f32>(at + second));
      const y = f64x2.add(f64x2.mul(b0, x), s1);
      s1 = f64x2.add(f64x2.sub(f64x2.mul(b1, x), f64x2.mul(a1, y)), s2);
      s2 = f64x2.sub(f64x2.mul(b2, x), f64x2.mul(a2, y));
      const z = f64x2.add(y, h1);
      h1 = f64x2.sub(f64x2.sub(h2, f64x2.add(y, y)), f64x2.mul(c1, z));
      h2 = f64x2.sub(y, f64x2.mul(c2, z));
      squares = f64x2.add(squares, f64x2.mul(z, z));
    }
    // What decays in silence would become subnormal, and a hundred times slower.
    v128.store(state, flush(s1));
    v128.store(state, flush(s2), 16);
    v128.store(state, flush(h1), 32);
    v128.store(state, flush(h2), 48);
    const weight = settings + <usize>(7 + channel) * 8;
    total += load<f64>(weight) * f64x2.extract_lane(squares, 0);
    if (second != 0) total += load<f64>(weight, 8) * f64x2.extract_lane(squares, 1);
  }
  return total;
}

// @ts-ignore: decorator
@inline
function flush(v: v128): v128 {
  return v128.and(v, f64x2.ge(f64x2.abs(v), f64x2.splat(1e-20)));
}
