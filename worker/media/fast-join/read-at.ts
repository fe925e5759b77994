import { type FileHandle, open } from "node:fs/promises";
import { createYoungSweeper } from "../../process/sweep-young.ts";
import type { ReadAt } from "../probe/true-length-mp4.ts";

let sweep: ((bytes: number) => void) | undefined;

/** Runs `use` on a file that is open as long as that takes. */
export async function withFile<T>(path: string, use: (read: ReadAt, file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path);
  try {
    return await use((offset, length) => readAt(file, offset, length), file);
  } finally {
    await file.close();
  }
}

/** Bytes from `offset` on; fewer than `length` at the file's end. */
async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  sweep ??= createYoungSweeper();
  sweep(length);
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}
