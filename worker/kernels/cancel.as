import { reserve } from "./memory";
import { dropPulses, makePulse, pulseAt, pulseBytes, setupPulses, weighEnergy } from "./pulse";
import { peaksBehind, taps } from "./true-peak";

export { turns, twiddles } from "./fourier";
export { taper, weights } from "./pulse";

/**
 * Takes down peaks by pulses of the sound's own spectrum; what that is for is told in peak-canceller.ts. Sound runs through
 * the rows from the end to the front, and each pass works on a stretch of its own, of `block` frames, `stride` before the
 * one of the pass ahead of it: so each frame is seen by each pass once, with all that it depends on, wherever it was cut.
 */
const passes: i32 = 8;
const allPasses: i32 = 12;
/** Frames that are looked at, or passed by, together. */
const chunk: i32 = 64;
/** The curve at a frame depends on what is nearer than that. */
const edge: i32 = 16;

let channels: i32 = 0;
let phaseCount: i32 = 0;
let size: i32 = 0;
let hop: i32 = 0;
let half: i32 = 0;
let apart: i32 = 0;
/** Frames on either side of a stretch where peaks are looked for as well. */
let beside: i32 = 0;
/** A pass changes nothing nearer to where it is going to look than that. */
let wait: i32 = 0;
let stride: i32 = 0;
export let block: i32 = 0;
export let width: i32 = 0;
/** Where the first pass's stretch begins. */
export let past: i32 = 0;
let row: usize = 0;
/** Sound as it is by now, and as it came. */
let sound: usize = 0;
let source: usize = 0;
/** What was taken off at each frame, times its pulse. */
let taken: usize = 0;
/** The curve's peaks over the ceiling, and the part of the sample that is to go; 0 outside a pass. */
let peaks: usize = 0;
let parts: usize = 0;
/** Room for four. */
let fourPeaks: usize = 0;
/** A byte for each chunk. */
let touched: usize = 0;
/** Steps that are decided and not yet taken: place and change of each channel, in the order of time. */
let steps: usize = 0;
let stepBytes: usize = 0;
let mostSteps: i32 = 0;
let counts: usize = 0;
let gridStart: i32 = 0;
let ceiling: f32 = 1;
export let phases: usize = 0;
/** Interleaved samples come and go here, `block` frames at the most. */
export let input: usize = 0;
export let output: usize = 0;

function roundUp(frames: i32): i32 {
  return (frames + chunk - 1) & ~(chunk - 1);
}

export function setup(channelCount: i32, phaseTotal: i32, frameSize: i32, apartFrames: i32, blockFrames: i32): void {
  channels = channelCount;
  phaseCount = phaseTotal;
  size = frameSize;
  hop = size / 4;
  half = (3 * size) / 8;
  apart = apartFrames;
  block = blockFrames;
  beside = roundUp(apart + 1);
  wait = roundUp(half + beside + edge);
  stride = roundUp(wait + half + beside + edge);
  past = roundUp(wait + half) + (allPasses - 1) * stride;
  width = past + block + roundUp(max(beside + edge, (size + hop) / 2));
  row = <usize>(width + 2 * chunk) << 2;
  sound = reserve(channels * (width + 2 * chunk));
  source = reserve(channels * (width + 2 * chunk));
  taken = reserve(channels * (width + 2 * chunk));
  peaks = reserve(width + 2 * chunk);
  parts = reserve(width + 2 * chunk);
  fourPeaks = reserve(4);
  touched = reserve(width / chunk / 4 + 4);
  mostSteps = block + wait;
  stepBytes = <usize>(1 + channels) << 2;
  steps = reserve(allPasses * mostSteps * (1 + channels));
  counts = reserve(allPasses);
  phases = reserve(phaseTotal * taps);
  input = reserve(block * channels);
  output = reserve(block * channels + 8);
  setupPulses(size, half, width / hop + 2);
}

/** The grid of spectra has a frame with its middle at `start`, which is under a hop. */
export function begin(start: i32, highest: f32, energyWeight: f32): void {
  gridStart = start;
  ceiling = highest;
  weighEnergy(energyWeight);
}

/** Puts `count` frames from `input` behind the `filled` that are there. */
export function append(count: i32, filled: i32, gain: f32): void {
  const step = <usize>channels << 2;
  for (let channel = 0; channel < channels; channel++) {
    let from = input + (<usize>channel << 2);
    const first = sound + <usize>channel * row + (<usize>filled << 2);
    const bytes = <usize>count << 2;
    for (let at = first; at < first + bytes; at += 4, from += step) store<f32>(at, load<f32>(from) * gain);
    memory.copy(first - sound + source, first, bytes);
  }
}

/** All passes, each on its stretch: whether anything was taken off. */
export function cancel(): bool {
  let found = false;
  for (let pass = 0; pass < allPasses; pass++) {
    const from = past - pass * stride;
    lookAt(from - beside, from + block + beside, pass == 0);
    decide(pass, from, from + block);
    memory.fill(peaks + (<usize>(from - beside) << 2), 0, <usize>(block + 2 * beside + 1) << 2);
    if (load<i32>(counts + (<usize>pass << 2)) == 0) continue;
    found = true;
    take(pass, from + block - wait);
  }
  return found;
}

/** Notes the peaks that are over the ceiling in [from, to): in chunks that were touched, or everywhere. */
function lookAt(from: i32, to: i32, everywhere: bool): void {
  const floor = f32x4.splat(0.5 * ceiling);
  const highest = f32x4.splat(ceiling);
  for (let first = from; first < to; first += chunk) {
    if (!everywhere && load<u8>(touched + <usize>(first / chunk)) == 0) continue;
    for (let channel = 0; channel < channels; channel++) {
      const lane = sound + <usize>channel * row;
      const end = lane + (<usize>(first + chunk) << 2);
      for (let at = lane + (<usize>first << 2); at < end; at += 16) {
        const level = f32x4.max(f32x4.abs(v128.load(at)), f32x4.abs(v128.load(at + 4)));
        if (!v128.any_true(f32x4.ge(level, floor))) continue;
        const four = f32x4.max(level, peaksBehind(at, phases, phaseCount));
        if (!v128.any_true(f32x4.gt(four, highest))) continue;
        v128.store(fourPeaks, four);
        for (let off: usize = 0; off < 16; off += 4) notePeak(lane, at + off, load<f32>(fourPeaks + off));
      }
    }
  }
}

/** A peak in the gap behind a sample belongs to the greater of the two beside it. */
function notePeak(lane: usize, before: usize, peak: f32): void {
  if (!(peak > ceiling)) return;
  const at = abs(load<f32>(before, 4)) > abs(load<f32>(before)) ? before + 4 : before;
  const place = at - lane;
  store<u8>(touched + (place >> 2) / chunk, 1);
  if (load<f32>(peaks + place) >= peak) return;
  store<f32>(peaks + place, peak);
  store<f32>(parts + place, (peak - ceiling) / abs(load<f32>(at)));
}

/** Of peaks that are near to each other the greatest is taken first, of equal ones the first. */
function isGreatest(place: i32, peak: f32): bool {
  const at = peaks + (<usize>place << 2);
  for (let off: usize = 4; off <= <usize>apart << 2; off += 4) {
    if (load<f32>(at - off) >= peak || load<f32>(at + off) > peak) return false;
  }
  return true;
}

/** Steps for what is over in [from, to), and back where more was taken than is needed by now. */
function decide(pass: i32, from: i32, to: i32): void {
  for (let first = from; first < to; first += chunk) {
    if (load<u8>(touched + <usize>(first / chunk)) == 0) continue;
    for (let four = first; four < first + chunk; four += 4) {
      const at = <usize>four << 2;
      let any = v128.load(peaks + at);
      for (let channel = 0; channel < channels; channel++) {
        any = v128.or(any, v128.load(taken + <usize>channel * row + at));
      }
      if (!v128.any_true(any)) continue;
      for (let place = four; place < four + 4; place++) {
        const peak = load<f32>(peaks + (<usize>place << 2));
        if (peak == 0) {
          if (pass < passes) giveBack(pass, place);
        } else if (isGreatest(place, peak)) takeOff(pass, place);
      }
    }
  }
}

/** All channels by the same part, so that none moves against another. */
function takeOff(pass: i32, place: i32): void {
  const at = <usize>place << 2;
  const part = load<f32>(parts + at);
  const step = addStep(pass, place);
  for (let channel = 0; channel < channels; channel++) {
    const lane = <usize>channel * row + at;
    const change = part * load<f32>(sound + lane);
    store<f32>(taken + lane, load<f32>(taken + lane) + change);
    store<f32>(step + (<usize>channel << 2), change);
  }
}

/** Half of what is free under the ceiling in the channel that has least, and never more than was taken. */
function giveBack(pass: i32, place: i32): void {
  const at = <usize>place << 2;
  let part: f32 = 1;
  let most: f32 = 0;
  for (let channel = 0; channel < channels; channel++) {
    const lane = <usize>channel * row + at;
    const held = load<f32>(taken + lane);
    if (held == 0) continue;
    const level = load<f32>(sound + lane);
    const free = ceiling - (held > 0 ? level : -level);
    part = min(part, max<f32>(0, 0.5 * free) / abs(held));
    most = max(most, abs(held));
  }
  if (!(part * most > 1e-5 * ceiling)) return;
  const step = addStep(pass, place);
  for (let channel = 0; channel < channels; channel++) {
    const lane = <usize>channel * row + at;
    const held = load<f32>(taken + lane);
    store<f32>(taken + lane, part == 1 ? 0 : held - part * held);
    store<f32>(step + (<usize>channel << 2), -part * held);
  }
}

/** Where its changes go. */
function addStep(pass: i32, place: i32): usize {
  const count = load<i32>(counts + (<usize>pass << 2));
  store<i32>(counts + (<usize>pass << 2), count + 1);
  const at = steps + <usize>(pass * mostSteps + count) * stepBytes;
  store<i32>(at, place);
  const frame = frameOf(place);
  makePulse(frame, source + (<usize>(gridStart + frame * hop - size / 2) << 2), channels, row);
  return at + 4;
}

/** Takes the pass's steps before `to`; the others wait for the next block. */
function take(pass: i32, to: i32): void {
  const first = steps + <usize>(pass * mostSteps) * stepBytes;
  const end = first + <usize>load<i32>(counts + (<usize>pass << 2)) * stepBytes;
  let at = first;
  for (; at < end; at += stepBytes) {
    const place = load<i32>(at);
    if (place >= to) break;
    const pulse = pulseAt(frameOf(place));
    for (let channel = 0; channel < channels; channel++) {
      const change = f32x4.splat(load<f32>(at + (<usize>(1 + channel) << 2)));
      const lane = sound + <usize>channel * row + (<usize>(place - half) << 2);
      for (let off: usize = 0; off < pulseBytes; off += 16) {
        v128.store(lane + off, f32x4.sub(v128.load(lane + off), f32x4.mul(change, v128.load(pulse + off))));
      }
    }
    const lowest = (place - half - edge) / chunk;
    memory.fill(touched + <usize>lowest, 1, <usize>((place + half + edge) / chunk + 1 - lowest));
  }
  store<i32>(counts + (<usize>pass << 2), <i32>((end - at) / stepBytes));
  memory.copy(first, at, end - at);
  for (let left = first; left < first + (end - at); left += stepBytes) store<i32>(left, load<i32>(left) - block);
}

function frameOf(place: i32): i32 {
  return (place - gridStart + hop / 2) / hop;
}

/** Writes the first `block` frames, which are done, to `output`, and drops them from the front. */
export function give(): void {
  const step = <usize>channels << 2;
  const bytes = <usize>block << 2;
  const rest = (<usize>width << 2) - bytes;
  for (let channel = 0; channel < channels; channel++) {
    const lane = <usize>channel * row;
    let to = output + (<usize>channel << 2);
    for (let at = sound + lane; at < sound + lane + bytes; at += 4, to += step) store<f32>(to, load<f32>(at));
    memory.copy(sound + lane, sound + lane + bytes, rest);
    memory.copy(source + lane, source + lane + bytes, rest);
    memory.copy(taken + lane, taken + lane + bytes, rest);
    memory.fill(taken + lane + rest, 0, bytes);
  }
  const gone = <usize>(block / chunk);
  const kept = <usize>(width / chunk) - gone;
  memory.copy(touched, touched + gone, kept);
  memory.fill(touched + kept, 0, gone);
  dropPulses(block / hop);
}
