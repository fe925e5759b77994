import { buildEnvelope, setupEnvelope } from "./envelope";
import { reserve } from "./memory";
import { peaksBehind, taps } from "./true-peak";

/** The sample by sample work of the limiter; its envelope and its blocks are told in true-peak-limiter.ts. */
let channels: i32 = 0;
let phaseCount: i32 = 0;
let width: i32 = 0;
/** Bytes of one channel's row. */
let row: usize = 0;
let rows: usize = 0;
/** For each phase its taps. */
export let phases: usize = 0;
/** Interleaved samples come and go here; as many frames as a row has. */
export let input: usize = 0;
export let output: usize = 0;
/** What each frame must be taken down to; 1 is nothing. */
export let needed: usize = 0;
export let gains: usize = 0;
/** Room for four peaks. */
let four: usize = 0;

export function setup(channelCount: i32, phaseTotal: i32, frames: i32): void {
  channels = channelCount;
  phaseCount = phaseTotal;
  width = frames;
  row = <usize>(frames + 8) << 2;
  rows = reserve(channels * (frames + 8)) ;
  phases = reserve(phaseTotal * taps);
  input = reserve(frames * channels);
  output = reserve(frames * channels + 8);
  needed = reserve(frames + 8);
  gains = reserve(frames + 8);
  setupEnvelope(frames);
  four = reserve(4);
  clear(0, frames);
}

/** Sets what is needed in [from, to) to nothing. */
function clear(from: i32, to: i32): void {
  for (let at = from; at < to; at++) store<f32>(needed + (<usize>at << 2), 1);
}

/** Puts `count` frames from `input` behind the `filled` that are there. */
export function append(count: i32, filled: i32, gain: f32): void {
  const step = <usize>channels << 2;
  for (let channel = 0; channel < channels; channel++) {
    let from = input + (<usize>channel << 2);
    let at = rows + <usize>channel * row + (<usize>filled << 2);
    const end = at + (<usize>count << 2);
    for (; at < end; at += 4, from += step) store<f32>(at, load<f32>(from) * gain);
  }
}

/** Notes the gain that the curve at each of the frames [from, to) and behind it needs: true if any is over. */
export function scan(from: i32, to: i32, ceiling: f32): bool {
  const floor = f32x4.splat(0.5 * ceiling);
  const highest = f32x4.splat(ceiling);
  let found = false;
  for (let channel = 0; channel < channels; channel++) {
    const lane = rows + <usize>channel * row;
    const end = lane + (<usize>to << 2);
    for (let at = lane + (<usize>from << 2); at < end; at += 16) {
      const level = f32x4.max(f32x4.abs(v128.load(at)), f32x4.abs(v128.load(at + 4)));
      if (!v128.any_true(f32x4.ge(level, floor))) continue;
      const peaks = f32x4.max(level, peaksBehind(at, phases, phaseCount));
      if (!v128.any_true(f32x4.gt(peaks, highest))) continue;
      v128.store(four, peaks);
      for (let off: usize = 0; off < 16 && at + off < end; off += 4) {
        const peak = load<f32>(four + off);
        if (!(peak > ceiling)) continue;
        found = true;
        lower(needed + (at + off - lane), ceiling / peak);
      }
    }
  }
  return found;
}

/** At the samples before and behind a gap. */
function lower(place: usize, wanted: f32): void {
  store<f32>(place, min(load<f32>(place), wanted));
  store<f32>(place + 4, min(load<f32>(place + 4), wanted));
}

/** Whether nothing is needed in [from, to). */
export function isIdle(from: i32, to: i32): bool {
  for (let at = from; at < to; at++) if (load<f32>(needed + (<usize>at << 2)) != 1) return false;
  return true;
}

/** Sets the gains of `frames` frames by what is needed from `start` on; returns where the next block's release begins. */
export function envelope(start: i32, length: i32, frames: i32, reach: i32, release: f64, last: f64): f64 {
  return buildEnvelope(needed + (<usize>start << 2), length, frames, reach, release, last, gains);
}

/** Writes `frames` frames from `from` on to `output`, by `gains` where they are told, and drops so many from the front. */
export function give(from: i32, frames: i32, limited: bool): void {
  const step = <usize>channels << 2;
  for (let channel = 0; channel < channels; channel++) {
    const lane = rows + <usize>channel * row;
    let at = lane + (<usize>from << 2);
    const end = at + (<usize>frames << 2);
    let to = output + (<usize>channel << 2);
    if (limited) {
      let gain = gains;
      for (; at < end; at += 4, to += step, gain += 4) store<f32>(to, load<f32>(at) * load<f32>(gain));
    } else {
      for (; at < end; at += 4, to += step) store<f32>(to, load<f32>(at));
    }
    memory.copy(lane, lane + (<usize>frames << 2), <usize>(width - frames) << 2);
  }
  memory.copy(needed, needed + (<usize>frames << 2), <usize>(width - frames) << 2);
  clear(width - frames, width);
}
