import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createBell } from "../../process/bell.ts";
import type { GrowingFile } from "../pcm/growing-file.ts";

/** Where the samples of one stretch lie: bytes [from, to) of a file. */
export interface StretchInput {
  readonly path: string;
  readonly from: number;
  readonly to: number;
  /** Whether the recording ends in it. */
  readonly isLast: boolean;
}

export interface StretchInputs {
  /** Waits until all of it is there; null behind the last. */
  take(index: number): Promise<StretchInput | null>;
  /** It is not needed any more. */
  release(index: number): Promise<void>;
  /** None is needed any more. */
  close(): Promise<void>;
  /** Resolves when everything was taken in, with the number of samples of each channel; rejects as the source does. */
  readonly done: Promise<number>;
}

/** First and last byte that an encoder of stretch `index` is given. */
export type PlaceBytes = (index: number) => { readonly from: number; readonly to: number };

/** Stretches of a file that is being written: they are read where they lie. */
export function takeFromFile({ file, waitFor }: GrowingFile, place: PlaceBytes): StretchInputs {
  const frameBytes = 4 * file.channels;
  const done = waitFor(Number.POSITIVE_INFINITY);
  done.catch(() => {});
  return {
    done,
    async take(index) {
      const { from, to } = place(index);
      const there = (await waitFor(to / frameBytes)) * frameBytes;
      if (there <= from) return null;
      return { path: file.path, from, to: Math.min(there, to), isLast: there < to };
    },
    release: async () => {},
    close: async () => {},
  };
}

interface Spool {
  readonly pcm: AsyncIterable<Uint8Array>;
  readonly channels: number;
  /** In its folder the stretches are kept. */
  readonly outPath: string;
  /** So many stretches wait at the most. */
  readonly mostWaiting: number;
  readonly signal: AbortSignal;
}

/** Stretches of a stream: each is written to a file of its own, which goes when it was encoded. */
export function takeFromStream(spool: Spool, place: PlaceBytes): StretchInputs {
  const { pcm, channels, outPath, mostWaiting, signal } = spool;
  const pathOf = (index: number): string => join(dirname(outPath), `stretch-${index}.f32`);
  const { ring, wait } = createBell();
  let bytes = 0;
  let ended = false;
  let released = 0;
  let begun = 0;
  let failure: { readonly reason: unknown } | null = null;
  signal.addEventListener("abort", ring, { once: true });
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      signal.throwIfAborted();
      if (failure !== null) throw failure.reason;
      await wait();
    }
  };

  const fill = async (): Promise<number> => {
    const files = new Map<number, FileHandle>();
    let first = 0;
    try {
      for await (const chunk of pcm) {
        const end = bytes + chunk.length;
        for (; place(first).to <= bytes; first++) await files.get(first)?.close();
        for (let index = first; place(index).from < end; index++) {
          const { from, to } = place(index);
          const part = chunk.subarray(Math.max(0, from - bytes), Math.max(0, to - bytes));
          if (part.length === 0) continue;
          await until(() => index < released + mostWaiting);
          begun = Math.max(begun, index + 1);
          const file = files.get(index) ?? (await open(pathOf(index), "w"));
          files.set(index, file);
          await file.writev([part]);
        }
        bytes = end;
        ring();
      }
      ended = true;
      return Math.floor(bytes / (4 * channels));
    } catch (reason) {
      failure = { reason };
      throw reason;
    } finally {
      for (const file of files.values()) await file.close().catch(() => {});
      ring();
    }
  };
  const done = fill();
  done.catch(() => {});
  return {
    done,
    async take(index) {
      const { from, to } = place(index);
      await until(() => ended || bytes >= to);
      if (bytes <= from) return null;
      return { path: pathOf(index), from: 0, to: Math.min(bytes, to) - from, isLast: bytes < to };
    },
    async release(index) {
      released = Math.max(released, index + 1);
      ring();
      await rm(pathOf(index), { force: true });
    },
    async close() {
      await done.catch(() => {});
      for (let index = released; index < begun; index++) await rm(pathOf(index), { force: true });
    },
  };
}
