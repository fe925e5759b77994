/**
 * Times as exact fractions of a second. Rates of 44.1 and 48 kHz have no common grid, and rounding each piece of a long
 * join to the output's drifts (2.25 ms over 500 files); a sum of fractions is rounded once, where it is used.
 */
export interface ExactSeconds {
  readonly num: bigint;
  /** Always positive. */
  readonly den: bigint;
}

export const zeroSeconds: ExactSeconds = { num: 0n, den: 1n };

/** The time that `samples` take at `rateHz`. */
export const samplesToSeconds = (samples: number, rateHz: number): ExactSeconds =>
  reduce(BigInt(samples), BigInt(rateHz));

/** Milliseconds, to the microsecond: finer is not asked for, and binary fractions would not be short. */
export const millisecondsToSeconds = (ms: number): ExactSeconds => reduce(BigInt(Math.round(ms * 1000)), 1_000_000n);

export const addSeconds = (a: ExactSeconds, b: ExactSeconds): ExactSeconds =>
  reduce(a.num * b.den + b.num * a.den, a.den * b.den);

export const subtractSeconds = (a: ExactSeconds, b: ExactSeconds): ExactSeconds =>
  addSeconds(a, { num: -b.num, den: b.den });

export const halfOf = (a: ExactSeconds): ExactSeconds => reduce(a.num, a.den * 2n);

/** The least of them. */
export const minSeconds = (...all: readonly [ExactSeconds, ...ExactSeconds[]]): ExactSeconds =>
  all.reduce((least, next) => (isLess(next, least) ? next : least));

export const isLess = (a: ExactSeconds, b: ExactSeconds): boolean => a.num * b.den < b.num * a.den;

/** The frame at `rateHz` that lies nearest; halves go up. */
export function toFrame(at: ExactSeconds, rateHz: number): number {
  const den = at.den * 2n;
  const num = at.num * 2n * BigInt(rateHz) + at.den;
  const down = num / den;
  return Number(num < 0n && num % den !== 0n ? down - 1n : down);
}

/** For reports and messages. */
export const toNumber = (at: ExactSeconds): number => Number(at.num) / Number(at.den);

function reduce(num: bigint, den: bigint): ExactSeconds {
  let [a, b] = [num < 0n ? -num : num, den];
  while (b > 0n) [a, b] = [b, a % b];
  return a > 1n ? { num: num / a, den: den / a } : { num, den };
}
