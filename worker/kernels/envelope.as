import { reserve } from "./memory";

/** The limiter's gain over time; why it moves so is told in true-peak-limiter.ts. 64-bit floats. */
let first: usize = 0;
let second: usize = 0;
let queue: usize = 0;

export function setupEnvelope(frames: i32): void {
  first = reserve(2 * frames);
  second = reserve(2 * frames);
  queue = reserve(frames);
}

/**
 * From what each of `length` frames needs, gains for `frames` of them, which lie `2 * reach` from both ends. Release first
 * (the way up is slow), then the minimum over the look-ahead, then the smoothing, whose weights reach no further than the
 * minimum did. Returns where the next block's release begins.
 */
export function buildEnvelope(
  needed: usize,
  length: i32,
  frames: i32,
  reach: i32,
  release: f64,
  last: f64,
  gains: usize,
): f64 {
  let level = last;
  let next = last;
  for (let at = 0; at < length; at++) {
    level = min(<f64>load<f32>(needed + (<usize>at << 2)), 1 - (1 - level) * release);
    store<f64>(first + (<usize>at << 3), level);
    // Where the next block's window begins.
    if (at == frames - 1) next = level;
  }
  const held = slideMinimum(length, 2 * reach + 1);
  // Twice over it is a triangle.
  smooth(second, held, reach + 1, first);
  smooth(first, held - reach, reach + 1, second);
  for (let at = 0; at < frames; at++) {
    store<f32>(gains + (<usize>at << 2), <f32>load<f64>(second + (<usize>at << 3)));
  }
  return next;
}

/** Minimum of each run of `span` of the first `length` values of `first` to `second` (ascending deque); returns how many. */
function slideMinimum(length: i32, span: i32): i32 {
  let head = 0;
  let tail = 0;
  for (let at = 0; at < length; at++) {
    const value = load<f64>(first + (<usize>at << 3));
    while (tail > head && read(tail - 1) >= value) tail--;
    store<i32>(queue + (<usize>tail << 2), at);
    tail++;
    if (load<i32>(queue + (<usize>head << 2)) <= at - span) head++;
    if (at >= span - 1) store<f64>(second + (<usize>(at - span + 1) << 3), read(head));
  }
  return length - span + 1;
}

// @ts-ignore: decorator
@inline
function read(place: i32): f64 {
  return load<f64>(first + (<usize>load<i32>(queue + (<usize>place << 2)) << 3));
}

/** Mean of each run of `span` of `length` values. */
function smooth(from: usize, length: i32, span: i32, to: usize): void {
  const share: f64 = 1 / <f64>span;
  let sum: f64 = 0;
  for (let at = 0; at < length; at++) {
    sum += load<f64>(from + (<usize>at << 3));
    if (at >= span) sum -= load<f64>(from + (<usize>(at - span) << 3));
    if (at >= span - 1) store<f64>(to + (<usize>(at - span + 1) << 3), sum * share);
  }
}
