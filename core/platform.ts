import { randomBytes } from "node:crypto";
import { monotonicFactory } from "ulid";
import type { Clock, DeadLetterStore, JobQueue, JobStore, ObjectStore, ResultCache, TaskLauncher } from "./ports.ts";

export interface PlatformSettings {
  readonly defaultOwner: string;
  /** Owners share results of equal content. @default false */
  readonly sharedCache: boolean;
  readonly mixdownVersion: string;
  /** Major version of the ffmpeg that workers use: part of the cache key. */
  readonly ffmpegMajor: number;
  readonly lanes: "embedded" | "aws";
  /** On AWS: whether there is a worker function for short jobs. @default false */
  readonly lambdaLane?: boolean | undefined;
  /** How much longer work takes here than on the machine of `throughput` (lane.ts). @default 1 */
  readonly slowness?: number | undefined;
  /** How long outputs are kept, milliseconds. */
  readonly outputsMs: number;
}

/** What a use case may speak to. The composition roots (CLI, functions, worker) fill it with adapters. */
export interface Platform {
  readonly jobs: JobStore;
  readonly queue: JobQueue;
  readonly cache: ResultCache;
  readonly objects: ObjectStore;
  readonly deadLetters: DeadLetterStore;
  readonly launcher: TaskLauncher;
  readonly clock: Clock;
  readonly settings: PlatformSettings;
}

let pool = new Uint8Array(0);
let used = 0;

/** Random in [0, 1) with eight bits, as ULIDs take them by character; many bytes at once cost as much as one. */
function drawRandom(): number {
  if (used === pool.length) [pool, used] = [randomBytes(1_024), 0];
  const byte = pool[used] ?? 0;
  used += 1;
  return byte / 256;
}

const nextUlid = monotonicFactory(drawRandom);

/** A ULID: sorts by time, unguessable enough for a name, not for a secret. */
export const createId = (clock: Clock): string => nextUlid(clock.now());

export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();
