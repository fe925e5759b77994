import { type FileHandle, open, rm } from "node:fs/promises";
import { createBell } from "../../process/bell.ts";
import { FileRun, type PcmRun } from "../pcm/file-run.ts";
import type { PcmPiece } from "../pcm/pcm-pieces.ts";

/** Samples that threads are given by segments. */
export interface SegmentInputs {
  /** Waits until so many frames are there, or all; gives what is there. Rejects as the source does. */
  waitFor(frames: number): Promise<number>;
  /** The pieces that hold frames [from, to) of those that are there. */
  cover(from: number, to: number): readonly PcmPiece[];
  /** What lies before is not needed any more. */
  dropBefore(frame: number): Promise<void>;
  /** None is needed any more. */
  close(): Promise<void>;
}

interface RunsRequest {
  /** What lies in files stays there; a file is let go of when nothing more of it is needed. */
  readonly runs: AsyncIterable<PcmRun>;
  readonly channels: number;
  /** Bytes that lie in no file are put into some, whose paths begin so. */
  readonly prefix: string;
  /** So many frames are taken before those that come first are dropped. */
  readonly mostFrames: number;
  /** A run's file is not needed any more. */
  release(path: string): Promise<void>;
}

/** Bytes of one file of our own: what is dropped at once. */
const fileBytes = 1 << 23;
/** Written at a time. */
const writtenBytes = 1 << 20;

/** Runs one after another, in files or not. */
export function segmentsOfRuns({ runs, channels, prefix, mostFrames, release }: RunsRequest): SegmentInputs {
  const frameBytes = 4 * channels;
  const pieces: PcmPiece[] = [];
  const gone = new Set<string>();
  /** What the last run lies in: the next may be of it too, or have to be mixed with it. */
  let current: string | null = null;
  const bell = createBell();
  let [frames, dropped, files] = [0, 0, 0];
  let ended = false;
  let closed = false;
  let failure: { readonly reason: unknown } | null = null;

  let own: { readonly path: string; readonly file: FileHandle; bytes: number } | null = null;
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  const flush = async (): Promise<void> => {
    if (waitingBytes === 0) return;
    const path = own?.path ?? `${prefix}-${files++}.f32`;
    own ??= { path, file: await open(path, "w"), bytes: 0 };
    await own.file.writev(waiting);
    append(path, own.bytes, waitingBytes);
    own.bytes += waitingBytes;
    [waiting, waitingBytes] = [[], 0];
    if (own.bytes < fileBytes) return;
    await own.file.close();
    own = null;
  };
  const append = (path: string, at: number, length: number): void => {
    const count = length / frameBytes;
    const last = pieces.at(-1);
    const isNext = last !== undefined && last.path === path && (last.at + last.to - last.from) * frameBytes === at;
    if (isNext) pieces[pieces.length - 1] = { ...last, to: last.to + count };
    else pieces.push({ path, at: at / frameBytes, from: frames, to: frames + count });
    frames += count;
    bell.ring();
  };
  const fill = async (): Promise<void> => {
    try {
      for await (const run of runs) {
        current = run instanceof FileRun ? run.path : null;
        if (run instanceof FileRun) {
          await flush();
          append(run.path, run.at, run.length);
        } else {
          waiting.push(run);
          waitingBytes += run.length;
          if (waitingBytes >= writtenBytes) await flush();
        }
        while (frames - dropped >= mostFrames && !closed) await bell.wait();
        if (closed) return;
      }
      await flush();
    } catch (reason) {
      failure = { reason };
    } finally {
      ended = true;
      await own?.file.close().catch(() => {});
      [own, current] = [null, null];
      bell.ring();
    }
  };
  const filling = fill();

  /** Lets go of the files that nothing is left of, unless more of one may come. */
  const letGo = async (): Promise<void> => {
    for (const path of gone) {
      if (path === own?.path || path === current || pieces.some((piece) => piece.path === path)) continue;
      gone.delete(path);
      if (path.startsWith(prefix)) await rm(path, { force: true });
      else await release(path);
    }
  };
  const drop = (count: number): void => {
    for (const { path } of pieces.splice(0, count)) gone.add(path);
  };
  return {
    async waitFor(wanted) {
      while (frames < wanted && !ended) await bell.wait();
      if (failure !== null) throw failure.reason;
      return frames;
    },
    cover: (from, to) => pieces.filter((piece) => piece.to > from && piece.from < to),
    async dropBefore(frame) {
      dropped = Math.max(dropped, frame);
      bell.ring();
      const kept = pieces.findIndex((piece) => piece.to > frame);
      drop(kept < 0 ? pieces.length : kept);
      await letGo();
    },
    async close() {
      closed = true;
      bell.ring();
      await filling;
      drop(pieces.length);
      await letGo();
    },
  };
}
