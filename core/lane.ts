import type { Lane, Size } from "./job.ts";
import { limits } from "./limits.ts";

/** Where a job starts. A laptop has one lane; on AWS longer work begins on Spot capacity. */
export const firstLane = (lanes: "embedded" | "aws"): Lane => (lanes === "embedded" ? "embedded" : "fargate-spot");

/** Where the next attempt goes after the platform took a lane's capacity away: the same work, not interruptible. */
export const nextLane = (lane: Lane): Lane => (lane === "embedded" ? "embedded" : "fargate");

const sizes: readonly Size[] = ["S", "M", "L", "XL"];

/** The next larger size after an attempt ran out of memory; `null` beyond the largest. */
export const nextSize = (size: Size): Size | null => sizes[sizes.indexOf(size) + 1] ?? null;

/** Audio needs little memory whatever its length; the size follows the bytes that pass through the scratch volume. */
export function chooseSize(inputBytes: number | null): Size {
  if (inputBytes === null || inputBytes < 2 * 1024 ** 3) return "S";
  if (inputBytes < 8 * 1024 ** 3) return "M";
  return "L";
}

/** Slowest reading of compressed speech that still counts as progress: 128 kbit/s at five times real time. */
const slowestBytesPerSecond = 80_000;
const baseSeconds = 600;
/** For inputs that another job has yet to make. */
const unknownSeconds = 4 * 3_600;

/** Processing time that a job gets when its caller names none, seconds. */
export function defaultTimeoutSeconds(inputBytes: number | null): number {
  if (inputBytes === null) return unknownSeconds;
  return Math.min(limits.timeoutSeconds.max, baseSeconds + Math.ceil(inputBytes / slowestBytesPerSecond));
}

/** Doubles from 5 s to 5 min; half of it is random, so that jobs that were refused together do not return together. */
export function launchBackoffMs(launchNumber: number, random: () => number = Math.random): number {
  const { first, ceiling } = limits.launchBackoffMs;
  const full = Math.min(ceiling, first * 2 ** Math.min(launchNumber, 16));
  return full / 2 + (random() * full) / 2;
}
