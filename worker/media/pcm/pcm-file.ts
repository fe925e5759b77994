import { readSync, writeSync } from "node:fs";

/** Interleaved f32le in a file, without a header. */
export interface PcmFile {
  readonly path: string;
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly channelLayout: string | null;
}

/** One stretch of a recording that is worked through by itself; frames. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  /** What is read beside it, so that nothing tells where it was cut. */
  readonly readFrom: number;
  readonly readTo: number;
}

/** As much of it as there is. */
export const clipSegment = ({ from, to, readFrom, readTo }: Segment, frames: number): Segment => ({
  ...{ from, readFrom },
  to: Math.min(to, frames),
  readTo: Math.min(readTo, frames),
});

const chunkBytes = 1 << 18;
/** Used again by the thread's next reading: what is not there need not be collected. */
let spare: Uint8Array | null = null;

/** Reads frames [from, to) of an open file, for a thread of its own: it blocks. Each array is valid until the next. */
export function* readPcm(file: number, channels: number, from: number, to: number): Generator<Float32Array> {
  const frameBytes = 4 * channels;
  const room = spare ?? new Uint8Array(chunkBytes);
  spare = null;
  for (let at = from * frameBytes; at < to * frameBytes; ) {
    const wanted = Math.min(chunkBytes - (chunkBytes % frameBytes), to * frameBytes - at);
    let filled = 0;
    while (filled < wanted) {
      const got = readSync(file, room, filled, wanted - filled, at + filled);
      if (got === 0) throw new RangeError("a scratch file is shorter than it was");
      filled += got;
    }
    at += wanted;
    yield new Float32Array(room.buffer, 0, wanted / 4);
  }
  spare = room;
}

/** Writes of `samples`, which begin at frame `at`, those of [from, to) to their place. */
export function writePcm(
  file: number,
  channels: number,
  { samples, at, from, to }: { samples: Float32Array; at: number; from: number; to: number },
): void {
  const [first, last] = [Math.max(at, from), Math.min(at + samples.length / channels, to)];
  if (last <= first) return;
  const part = samples.subarray((first - at) * channels, (last - at) * channels);
  const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
  const place = 4 * channels * first;
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done, bytes.length - done, place + done);
}
