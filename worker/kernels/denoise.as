import { forward, fourierInput, inverse, setupFourier } from "./fourier";
import { reserve } from "./memory";

export { turns, twiddles } from "./fourier";

/** The spectral denoiser; what its gains are and why is told in spectral-lanes.ts. All but the tables is of one channel. */
let size: i32 = 0;
let hop: i32 = 0;
let channels: i32 = 0;
let chosen: i32 = 0;
/** Bytes from one channel's room to the next one's. */
let stride: usize = 0;
/** Interleaved samples come and go here: one hop, and as many as are held. */
export let input: usize = 0;
export let output: usize = 0;
/** Bytes of one array of bins, and of the four of a frame: spectrum, SNR a posteriori, SNR a priori. */
let row: usize = 0;
let frames: usize = 0;
let past: usize = 0;
let future: usize = 0;
/** The last `size` samples. */
let window: usize = 0;
export let weights: usize = 0;
/** Filtered samples; complete up to the hops that were filtered. */
let ready: usize = 0;
let readyFloats: i32 = 0;
/** Mean power of the noise in each bin, and one over it. */
export let noise: usize = 0;
export let inverseNoise: usize = 0;
/** Speech that stood well above the noise, and what the gains left of it. */
export let powerIn: f64 = 0;
export let powerOut: f64 = 0;

export function setup(windowSize: i32, held: i32, channelCount: i32): void {
  size = windowSize;
  hop = windowSize / 4;
  const half = windowSize / 2;
  setupFourier(half);
  const bins = half + 4;
  row = <usize>bins << 2;
  channels = channelCount;
  weights = reserve(windowSize);
  input = reserve(hop * channels);
  output = reserve(held * hop * channels);
  readyFloats = windowSize + held * hop;
  frames = reserve(held * 4 * bins);
  past = reserve(bins);
  future = reserve(bins);
  noise = reserve(bins);
  inverseNoise = reserve(bins);
  window = reserve(windowSize);
  ready = reserve(readyFloats);
  // All lengths are multiples of four floats, so that rooms lie close.
  stride = ready + (<usize>readyFloats << 2) - frames;
  reserve(<i32>(stride >> 2) * (channels - 1));
}

/** All that follows is done to that channel. */
export function choose(channel: i32): void {
  const move = <usize>(channel - chosen) * stride;
  chosen = channel;
  frames += move;
  past += move;
  future += move;
  noise += move;
  inverseNoise += move;
  window += move;
  ready += move;
}

/** Puts `count` frames from `input` behind the `filled` of the newest hop. */
export function gather(count: i32, filled: i32): void {
  const step = <usize>channels << 2;
  let from = input + (<usize>chosen << 2);
  let to = window + (<usize>(size - hop + filled) << 2);
  const end = to + (<usize>count << 2);
  for (; to < end; to += 4, from += step) store<f32>(to, load<f32>(from));
}

/** The rest of the newest hop is silence. */
export function silence(filled: i32): void {
  memory.fill(window + (<usize>(size - hop + filled) << 2), 0, <usize>(hop - filled) << 2);
}

/** Writes `count` filtered samples, from number `from` on, to `output`. */
export function spread(from: i32, count: i32): void {
  const step = <usize>channels << 2;
  let at = ready + (<usize>from << 2);
  let to = output + (<usize>chosen << 2);
  const end = at + (<usize>count << 2);
  for (; at < end; at += 4, to += step) store<f32>(to, load<f32>(at));
}

/** Takes the window as frame number `index` of those held, and makes room for the next hop. */
export function analyse(index: i32, filtered: bool, keepShare: f32): void {
  const z = fourierInput();
  const points = <usize>size << 1;
  for (let at: usize = 0, to: usize = 0; to < points; at += 32, to += 16) {
    const a = f32x4.mul(v128.load(window + at), v128.load(weights + at));
    const b = f32x4.mul(v128.load(window + at, 16), v128.load(weights + at, 16));
    v128.store(z + to, v128.shuffle<f32>(a, b, 0, 2, 4, 6));
    v128.store(z + points + to, v128.shuffle<f32>(a, b, 1, 3, 5, 7));
  }
  const frame = frames + <usize>index * 4 * row;
  forward(frame, frame + row);
  if (filtered) lookBack(frame, keepShare);
  memory.copy(window, window + (<usize>hop << 2), <usize>(size - hop) << 2);
}

/** Over this (80 dB) nothing changes any more, and squares would leave the range of single precision. */
const most: f32 = 1e8;

// @ts-ignore: decorator
@inline
function above(ratio: v128): v128 {
  return f32x4.max(f32x4.sub(ratio, f32x4.splat(1)), f32x4.splat(0));
}

function lookBack(frame: usize, keepShare: f32): void {
  const one = f32x4.splat(1);
  const keep = f32x4.splat(keepShare);
  const take = f32x4.splat(1 - keepShare);
  for (let bin: usize = 0; bin < row; bin += 16) {
    const re = v128.load(frame + bin);
    const im = v128.load(frame + row + bin);
    const power = f32x4.add(f32x4.mul(re, re), f32x4.mul(im, im));
    const ratio = f32x4.min(f32x4.mul(power, v128.load(inverseNoise + bin)), f32x4.splat(most));
    const snr = f32x4.add(f32x4.mul(keep, v128.load(past + bin)), f32x4.mul(take, above(ratio)));
    const gain = f32x4.div(snr, f32x4.add(one, snr));
    v128.store(frame + 2 * row + bin, ratio);
    v128.store(frame + 3 * row + bin, snr);
    v128.store(past + bin, f32x4.mul(f32x4.mul(gain, gain), ratio));
  }
}

function lookAhead(frame: usize, keepShare: f32): void {
  const one = f32x4.splat(1);
  const keep = f32x4.splat(keepShare);
  const take = f32x4.splat(1 - keepShare);
  for (let bin: usize = 0; bin < row; bin += 16) {
    const ratio = v128.load(frame + 2 * row + bin);
    const snr = f32x4.add(f32x4.mul(keep, v128.load(future + bin)), f32x4.mul(take, above(ratio)));
    const gain = f32x4.div(snr, f32x4.add(one, snr));
    v128.store(future + bin, f32x4.mul(f32x4.mul(gain, gain), ratio));
  }
}

/** A step of `lookAhead` that also takes what came before, and filters. */
function filterFrame(frame: usize, keepShare: f32, lowest: f32): void {
  const one = f32x4.splat(1);
  const keep = f32x4.splat(keepShare);
  const take = f32x4.splat(1 - keepShare);
  const floor = f32x4.splat(lowest);
  const half = f32x4.splat(0.5);
  let stood = f32x4.splat(0);
  let left = f32x4.splat(0);
  for (let bin: usize = 0; bin < row; bin += 16) {
    const ratio = v128.load(frame + 2 * row + bin);
    const ahead = f32x4.add(f32x4.mul(keep, v128.load(future + bin)), f32x4.mul(take, above(ratio)));
    const aheadGain = f32x4.div(ahead, f32x4.add(one, ahead));
    v128.store(future + bin, f32x4.mul(f32x4.mul(aheadGain, aheadGain), ratio));
    const both = f32x4.mul(half, f32x4.add(ahead, v128.load(frame + 3 * row + bin)));
    // With g = both/(1 + both): g²·ratio/(1 + g²·ratio), by one division.
    const speech = f32x4.mul(f32x4.mul(both, both), ratio);
    const more = f32x4.add(one, both);
    const wiener = f32x4.div(speech, f32x4.add(f32x4.mul(more, more), speech));
    const gain = f32x4.max(wiener, floor);
    v128.store(frame + bin, f32x4.mul(v128.load(frame + bin), gain));
    v128.store(frame + row + bin, f32x4.mul(v128.load(frame + row + bin), gain));
    // 10 dB above the noise it is speech, of which little may be lost.
    const power = v128.and(f32x4.gt(ratio, f32x4.splat(10)), v128.load(noise + bin));
    stood = f32x4.add(stood, f32x4.mul(f32x4.sub(ratio, one), power));
    left = f32x4.add(left, f32x4.mul(f32x4.mul(f32x4.mul(gain, gain), ratio), power));
  }
  powerIn += sum(stood);
  powerOut += sum(left);
}

function sum(v: v128): f64 {
  return (
    <f64>f32x4.extract_lane(v, 0) +
    <f64>f32x4.extract_lane(v, 1) +
    <f64>f32x4.extract_lane(v, 2) +
    <f64>f32x4.extract_lane(v, 3)
  );
}

/** Filters the first `count` of the frames that are held and adds them up at `ready`; the others look ahead. */
export function filter(held: i32, count: i32, filtered: bool, keepShare: f32, lowest: f32): void {
  if (filtered) {
    memory.fill(future, 0, row);
    for (let index = held - 1; index >= 0; index--) {
      const frame = frames + <usize>index * 4 * row;
      if (index >= count) lookAhead(frame, keepShare);
      else filterFrame(frame, keepShare, lowest);
    }
  }
  const points = <usize>size << 1;
  // The squares of four root-Hann windows, a quarter apart, sum to 2; the transform gives half the size times.
  const scale = f32x4.splat(<f32>1 / <f32>size);
  for (let index = 0; index < count; index++) {
    const frame = frames + <usize>index * 4 * row;
    const z = inverse(frame, frame + row);
    let out = ready + (<usize>(index * hop) << 2);
    for (let from: usize = 0, at: usize = 0; from < points; from += 16, at += 32, out += 32) {
      const even = f32x4.mul(scale, v128.load(z + from));
      const odd = f32x4.neg(f32x4.mul(scale, v128.load(z + points + from)));
      const a = f32x4.mul(v128.shuffle<f32>(even, odd, 0, 4, 1, 5), v128.load(weights + at));
      const b = f32x4.mul(v128.shuffle<f32>(even, odd, 2, 6, 3, 7), v128.load(weights + at, 16));
      v128.store(out, f32x4.add(v128.load(out), a));
      v128.store(out, f32x4.add(v128.load(out, 16), b), 16);
    }
  }
  // Those that only looked ahead are the first of the next block.
  memory.copy(frames, frames + <usize>count * 4 * row, <usize>(held - count) * 4 * row);
}

/** Drops `length` samples of `ready`. */
export function shift(length: i32): void {
  const bytes = <usize>length << 2;
  const all = <usize>readyFloats << 2;
  memory.copy(ready, ready + bytes, all - bytes);
  memory.fill(ready + all - bytes, 0, bytes);
}
