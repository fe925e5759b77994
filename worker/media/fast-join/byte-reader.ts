import type { Readable } from "node:stream";
import { createYoungSweeper } from "../../process/sweep-young.ts";

/** Reads a stream in pieces of the reader's choice. */
export interface ByteReader {
  /** Fewer than `length` at the end only. */
  read(length: number): Promise<Buffer>;
}

export function createByteReader(stream: Readable): ByteReader {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  const sweep = createYoungSweeper();
  let kept: Buffer[] = [];
  let keptBytes = 0;
  return {
    async read(length) {
      while (keptBytes < length) {
        const { done, value } = await chunks.next();
        if (done === true) break;
        sweep(value.length);
        kept.push(value);
        keptBytes += value.length;
      }
      const whole = kept.length === 1 && kept[0] !== undefined ? kept[0] : Buffer.concat(kept);
      const taken = whole.subarray(0, length);
      kept = whole.length > length ? [whole.subarray(length)] : [];
      keptBytes = whole.length - taken.length;
      return taken;
    },
  };
}
