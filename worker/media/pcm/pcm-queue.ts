import { FileRun, type PcmRun } from "./file-run.ts";

/** Frames of PCM that wait to be sent on, in order, held as the chunks in which they came. */
export interface PcmQueue<Run extends PcmRun = Buffer> {
  /** Whole frames that are held. */
  readonly frames: number;
  /** Takes a chunk that may end inside a frame; the rest of that frame is expected next. One in a file is of whole frames. */
  push(chunk: Uint8Array | Run): void;
  /** Drops a frame that was begun and never completed. */
  dropPartial(): void;
  /** Takes as many chunks from the front as leave at least `keep` frames; none is cut or copied. */
  takeAbove(keep: number): Run[];
  /** Takes exactly `frames` (or all, if fewer) from the front. */
  take(frames: number): Run[];
  /** Cuts the end, so that at most `frames` are left. */
  truncate(frames: number): void;
}

/** @param frameBytes bytes of one frame over all channels */
export function createPcmQueue(frameBytes: number): PcmQueue;
export function createPcmQueue(frameBytes: number): PcmQueue<PcmRun>;
export function createPcmQueue(frameBytes: number): PcmQueue<PcmRun> {
  let chunks: PcmRun[] = [];
  let bytes = 0;
  let partial: Buffer | null = null;

  const hold = (chunk: PcmRun): void => {
    if (chunk.length === 0) return;
    chunks.push(chunk);
    bytes += chunk.length;
  };
  const take = (frames: number): PcmRun[] => {
    const taken: PcmRun[] = [];
    let wanted = Math.min(frames * frameBytes, bytes);
    bytes -= wanted;
    for (let first = chunks[0]; first !== undefined && wanted > 0; first = chunks[0]) {
      if (first.length <= wanted) {
        chunks.shift();
        taken.push(first);
        wanted -= first.length;
      } else {
        taken.push(first.subarray(0, wanted));
        chunks[0] = first.subarray(wanted);
        wanted = 0;
      }
    }
    return taken;
  };

  return {
    get frames() {
      return bytes / frameBytes;
    },
    push(chunk) {
      if (chunk instanceof FileRun) {
        hold(chunk);
        return;
      }
      let next = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      if (partial !== null) {
        const missing = frameBytes - partial.length;
        const completed = Buffer.concat([partial, next.subarray(0, missing)]);
        next = next.subarray(missing);
        partial = completed.length < frameBytes ? completed : null;
        if (partial !== null) return;
        hold(completed);
      }
      const over = next.length % frameBytes;
      hold(next.subarray(0, next.length - over));
      if (over > 0) partial = Buffer.from(next.subarray(next.length - over));
    },
    dropPartial() {
      partial = null;
    },
    takeAbove(keep) {
      const taken: PcmRun[] = [];
      for (let first = chunks[0]; first !== undefined && bytes - first.length >= keep * frameBytes; first = chunks[0]) {
        chunks.shift();
        taken.push(first);
        bytes -= first.length;
      }
      return taken;
    },
    take,
    truncate(frames) {
      const kept = take(frames);
      chunks = kept;
      bytes = kept.reduce((sum, chunk) => sum + chunk.length, 0);
    },
  };
}
