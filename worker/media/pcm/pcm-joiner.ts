import type { PcmRun } from "./file-run.ts";
import { crossfadeLinear } from "./pcm-crossfade.ts";
import { createPcmQueue, type PcmQueue } from "./pcm-queue.ts";
import {
  addSeconds,
  type ExactSeconds,
  halfOf,
  isLess,
  minSeconds,
  subtractSeconds,
  toFrame,
  zeroSeconds,
} from "./pcm-time.ts";

/** One input of a join. */
export interface PcmPiece<Run = Uint8Array> {
  /** Interleaved f32le at the join's rate and channels; chunks may end anywhere, those in files with a whole frame. */
  readonly pcm: AsyncIterable<Run>;
  /** The piece's exact duration. Asked once, after `pcm` has ended, with the frames that came. */
  duration(framesSeen: number): ExactSeconds | Promise<ExactSeconds>;
}

export interface JoinFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Silence between neighbours. */
  readonly gap: ExactSeconds;
  /** Overlap of neighbours. At most half of the shorter one is used, so that overlaps never meet. */
  readonly crossfade: ExactSeconds;
}

/** Where a piece came to lie in the output. */
export interface JoinedPiece {
  readonly start: ExactSeconds;
  readonly duration: ExactSeconds;
  readonly startFrame: number;
  readonly frames: number;
  /** Frames shared with the piece before. */
  readonly overlapFrames: number;
  /** Whether that overlap had to be shorter than asked for. */
  readonly overlapShortened: boolean;
}

/** Frames held back beyond the overlap: a resampler gives one more or less than the exact count. */
const slackFrames = 64;

/** `joinRuns` for pieces of which none lies in a file. */
export function joinPcm(
  pieces: AsyncIterable<PcmPiece> | Iterable<PcmPiece>,
  format: JoinFormat,
  onPiece?: (piece: JoinedPiece) => void,
): AsyncGenerator<Buffer> {
  // What comes in as bytes goes out as bytes.
  return joinRuns(pieces, format, onPiece) as AsyncGenerator<Buffer>;
}

/**
 * Joins pieces one after another in one pass and gives the whole as f32le. Piece `i` starts at the frame nearest to the
 * exact sum of everything before it, so errors never add up; its end is cut, or filled with silence, to the frame where
 * that sum says it ends. Memory: three overlaps and a few chunks, whatever the pieces' number and length.
 * `onPiece` is told of each piece, in order, as soon as its end is known.
 */
export async function* joinRuns(
  pieces: AsyncIterable<PcmPiece<Uint8Array | PcmRun>> | Iterable<PcmPiece<Uint8Array | PcmRun>>,
  format: JoinFormat,
  onPiece: (piece: JoinedPiece) => void = () => {},
): AsyncGenerator<PcmRun> {
  const { sampleRateHz: rate, channels, gap, crossfade } = format;
  const frameBytes = channels * 4;
  const overlapLimit = toFrame(crossfade, rate) + 1;
  let previous: Ended | null = null;

  /** Reads ahead just far enough to know whether the piece is long enough for the whole overlap. */
  const chooseOverlap = async (before: Ended, reader: Reader): Promise<ExactSeconds> => {
    if (crossfade.num === 0n) return zeroSeconds;
    await reader.fill(2 * overlapLimit + slackFrames);
    const known = await reader.knownDuration();
    return minSeconds(crossfade, halfOf(before.duration), known === null ? crossfade : halfOf(known));
  };

  for await (const piece of pieces) {
    const reader = createReader(piece, frameBytes);
    try {
      const overlap: ExactSeconds = previous === null ? zeroSeconds : await chooseOverlap(previous, reader);
      const start: ExactSeconds =
        previous === null
          ? zeroSeconds
          : subtractSeconds(addSeconds(addSeconds(previous.start, previous.duration), gap), overlap);
      const startFrame = toFrame(start, rate);
      let sent = 0;
      if (previous !== null) {
        const distance = startFrame - previous.endFrame;
        sent = Math.min(Math.max(0, -distance), previous.tail.frames, reader.queue.frames);
        yield* previous.tail.take(previous.tail.frames - sent);
        yield* silence(distance, frameBytes);
        if (sent > 0) yield crossfadeLinear(previous.tail.take(sent), reader.queue.take(sent), channels);
      }
      const overlapFrames = sent;
      do {
        for (const chunk of reader.queue.takeAbove(overlapLimit + slackFrames)) {
          sent += chunk.length / frameBytes;
          yield chunk;
        }
      } while (await reader.next());
      const duration = await reader.duration();
      const endFrame = toFrame(addSeconds(start, duration), rate);
      fitTail(reader.queue, endFrame - startFrame - sent, frameBytes);
      onPiece({
        start,
        duration,
        startFrame,
        frames: endFrame - startFrame,
        overlapFrames,
        overlapShortened: previous !== null && isLess(overlap, crossfade),
      });
      previous = { start, duration, endFrame, tail: reader.queue };
    } finally {
      await reader.close();
    }
  }
  if (previous !== null) yield* previous.tail.take(previous.tail.frames);
}

interface Ended {
  readonly start: ExactSeconds;
  readonly duration: ExactSeconds;
  readonly endFrame: number;
  /** What has not been sent yet, and ends at `endFrame`. */
  readonly tail: PcmQueue<PcmRun>;
}

interface Reader {
  readonly queue: PcmQueue<PcmRun>;
  /** Reads one chunk; false at the end. */
  next(): Promise<boolean>;
  /** Reads until the queue holds `frames`, or to the end. */
  fill(frames: number): Promise<void>;
  /** The duration if the end has been seen, else null. */
  knownDuration(): Promise<ExactSeconds | null>;
  duration(): Promise<ExactSeconds>;
  /** Lets go of the source, also in the middle of it. */
  close(): Promise<void>;
}

function createReader(piece: PcmPiece<Uint8Array | PcmRun>, frameBytes: number): Reader {
  const queue: PcmQueue<PcmRun> = createPcmQueue(frameBytes);
  const chunks = piece.pcm[Symbol.asyncIterator]();
  let seenBytes = 0;
  let ended = false;
  let asked: Promise<ExactSeconds> | null = null;

  const next = async (): Promise<boolean> => {
    if (ended) return false;
    const { done, value } = await chunks.next();
    if (done === true) {
      ended = true;
      queue.dropPartial();
      return false;
    }
    seenBytes += value.length;
    queue.push(value);
    return true;
  };
  const duration = (): Promise<ExactSeconds> => {
    asked ??= Promise.resolve(piece.duration(Math.floor(seenBytes / frameBytes)));
    return asked;
  };
  return {
    queue,
    next,
    async fill(frames) {
      while (queue.frames < frames && (await next())) {
        // `next` has queued the chunk.
      }
    },
    knownDuration: async () => (ended ? duration() : null),
    duration,
    async close() {
      if (!ended) await chunks.return?.();
    },
  };
}

/** Leaves exactly `frames` in the queue: cut at the end, or silence after it. */
function fitTail(queue: PcmQueue<PcmRun>, frames: number, frameBytes: number): void {
  if (frames < 0) throw new RangeError(`A piece gave ${-frames} frames more than its duration, after they were sent.`);
  if (queue.frames > frames) queue.truncate(frames);
  for (const chunk of silence(frames - queue.frames, frameBytes)) queue.push(chunk);
}

/** Chunks of zeroes, none larger than 64 KiB or so; nothing for a count below one. */
function* silence(frames: number, frameBytes: number): Generator<Buffer> {
  const most = Math.max(1, Math.floor(65_536 / frameBytes));
  for (let left = frames; left > 0; left -= most) yield Buffer.alloc(Math.min(left, most) * frameBytes);
}
