import { closeSync, openSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { StartedProcess } from "../../process/run-process.ts";
import { readPcm } from "./pcm-file.ts";

/** Interleaved f32le of a recording's frames [from, to), from frame `at` of a file on. */
export interface PcmPiece {
  readonly path: string;
  readonly at: number;
  readonly from: number;
  readonly to: number;
}

/** A recording that comes in pieces, which go when they were read: the whole never lies on the disk. */
export interface PcmPieces {
  /** Waits until so many frames are there, or all; gives what is there. Throws as the writer does. */
  waitFor(frames: number): Promise<number>;
  /** The pieces that hold frames [from, to) of those that are there. */
  cover(from: number, to: number): readonly PcmPiece[];
  /** Removes those that end before. */
  dropBefore(frame: number): Promise<void>;
}

/** So long that a thread's segment lies in two or three. */
const pieceSeconds = 20;
const pollMs = 20;

const pathOf = (prefix: string, index: number): string => `${prefix}-${String(index).padStart(6, "0")}.f32`;

/** Output arguments with which ffmpeg writes such pieces; their paths begin with `prefix`. */
export const buildPieceArgs = (prefix: string): readonly string[] => [
  // The muxer knows no codec of its own.
  ...["-c:a", "pcm_f32le", "-f", "segment", "-segment_time", String(pieceSeconds), "-segment_format", "f32le"],
  `file:${prefix.replaceAll("%", "%%")}-%06d.f32`,
];

/** What an ffmpeg writes with `buildPieceArgs`. */
export function followPieces(
  { done }: Pick<StartedProcess, "done">,
  prefix: string,
  { channels }: { readonly channels: number },
): PcmPieces {
  const pieces: PcmPiece[] = [];
  let dropped = 0;
  let ended = false;
  const end = () => {
    ended = true;
  };
  done.then(end, end);
  const sizeOf = async (index: number): Promise<number | null> =>
    (await stat(pathOf(prefix, index)).catch(() => null))?.size ?? null;
  /** Whether there was another: one is whole when the next has begun. */
  const findNext = async (isAll: boolean): Promise<boolean> => {
    const index = pieces.length;
    if (!isAll && (await sizeOf(index + 1)) === null) return false;
    const size = await sizeOf(index);
    if (size === null) return false;
    const from = pieces.at(-1)?.to ?? 0;
    pieces.push({ path: pathOf(prefix, index), at: 0, from, to: from + Math.floor(size / (4 * channels)) });
    return true;
  };
  return {
    async waitFor(frames) {
      for (;;) {
        const isAll = ended;
        if (isAll) await done;
        while (await findNext(isAll));
        const there = pieces.at(-1)?.to ?? 0;
        if (isAll || there >= frames) return there;
        await Promise.race([sleep(pollMs), done]);
      }
    },
    cover: (from, to) => pieces.filter((piece) => piece.to > from && piece.from < to),
    async dropBefore(frame) {
      for (; dropped < pieces.length && (pieces[dropped] as PcmPiece).to <= frame; dropped++) {
        await rm((pieces[dropped] as PcmPiece).path, { force: true });
      }
    },
  };
}

/** Reads frames [from, to) of the pieces that hold them, for a thread of its own: it blocks. Each array is valid until the next. */
export function* readPieces(
  pieces: readonly PcmPiece[],
  channels: number,
  from: number,
  to: number,
): Generator<Float32Array> {
  for (const piece of pieces) {
    const [first, last] = [Math.max(from, piece.from), Math.min(to, piece.to)];
    if (last <= first) continue;
    const handle = openSync(piece.path, "r");
    try {
      yield* readPcm(handle, channels, piece.at + first - piece.from, piece.at + last - piece.from);
    } finally {
      closeSync(handle);
    }
  }
}
