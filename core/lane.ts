import { sha256Hex } from "./canonical-json.ts";
import type { Job, KindName, Lane, Size } from "./job.ts";
import { limits } from "./limits.ts";
import type { PlatformSettings } from "./platform.ts";

/** What a job's inputs are known or thought to be before anything has opened them. */
export interface InputExtent {
  readonly sizeBytes: number;
  readonly durationSeconds: number;
}

/**
 * How fast a worker is: seconds of sound that it gets through in one, and the seconds before it begins and after it ends
 * (start, probe, upload). Five minutes of stereo at 44.1 kHz, MP3 out, by the command line on 2 cores (x86_64, ffmpeg 5.1) on
 * 2026-11-21; `clean` of MP3, `stitch` of twelve files exactly, `mix` of MP3 with WAV.
 */
export const throughput: Readonly<Record<KindName, { readonly speed: number; readonly startSeconds: number }>> = {
  clean: { speed: 46, startSeconds: 1 },
  stitch: { speed: 59, startSeconds: 1 },
  mix: { speed: 50, startSeconds: 1 },
};

/**
 * Processing time that is expected, seconds; `null` where an input's extent is not known.
 * @param slowness how much longer this machine takes than the one of the table
 */
export function estimateSeconds(kind: KindName, extent: InputExtent | null, slowness = 1): number | null {
  if (extent === null) return null;
  const { speed, startSeconds } = throughput[kind];
  return (startSeconds + extent.durationSeconds / speed) * slowness;
}

/** 48 kHz mono of 16 bit, and speech at 64 kbit/s: more seconds from a byte than most files have, so nothing is cut short. */
const bytesPerSecond = { plain: 96_000, packed: 8_000 } as const;
const plainTypes = /^audio\/(wav|wave|x-wav|vnd\.wave|flac|x-flac|aiff|x-aiff)\b/;

/** The longest that a file of this size and type probably is, seconds. */
export const guessDurationSeconds = (sizeBytes: number, contentType: string): number =>
  sizeBytes / (plainTypes.test(contentType) ? bytesPerSecond.plain : bytesPerSecond.packed);

/**
 * Where a job starts. A laptop has one lane. On AWS what is expected to be done within minutes, and to fit on its disk,
 * runs as a function where there is one; longer work begins on Spot capacity.
 */
export function firstLane(
  settings: Pick<PlatformSettings, "lanes" | "lambdaLane">,
  kind: KindName,
  extent: InputExtent | null,
): Lane {
  if (settings.lanes === "embedded") return "embedded";
  const seconds = estimateSeconds(kind, extent);
  const { expectedSeconds, inputBytes } = limits.lambdaLane;
  const fits = seconds !== null && seconds <= expectedSeconds && extent !== null && extent.sizeBytes <= inputBytes;
  return settings.lambdaLane === true && fits ? "lambda" : "fargate-spot";
}

/** Where the next attempt goes after the platform took a lane's capacity away: the same work, not interruptible. */
export const nextLane = (lane: Lane): Lane => (lane === "embedded" ? "embedded" : "fargate");

const sizes: readonly Size[] = ["S", "M", "L", "XL"];

const nextSize = (size: Size): Size | null => sizes[sizes.indexOf(size) + 1] ?? null;

/**
 * Where the next attempt goes after one ran out of memory: the next larger size. A function has one memory whatever the
 * job's size says, so from there it is a task with more than that. `null` beyond the largest.
 */
export function growAfterMemory({ lane, size }: Pick<Job, "lane" | "size">): Pick<Job, "lane" | "size"> | null {
  if (lane !== "lambda") {
    const larger = nextSize(size);
    return larger === null ? null : { lane, size: larger };
  }
  const larger = sizes.find((one) => limits.taskSizes[one].memoryMib > limits.workerFunction.memoryMib);
  return larger === undefined ? null : { lane: "fargate-spot", size: larger };
}

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

/**
 * Doubles from 5 s to 5 min; half of it differs from job to job, so that jobs that were refused together do not return
 * together. The spread comes from the job's name rather than from chance: what happened can be played again.
 */
export function launchBackoffMs(job: Pick<Job, "owner" | "jobId" | "launchNumber">): number {
  const { first, ceiling } = limits.launchBackoffMs;
  const full = Math.min(ceiling, first * 2 ** Math.min(job.launchNumber, 16));
  const spread = Number.parseInt(sha256Hex(`${job.owner}/${job.jobId}/${job.launchNumber}`).slice(0, 8), 16) / 2 ** 32;
  return full / 2 + (spread * full) / 2;
}
