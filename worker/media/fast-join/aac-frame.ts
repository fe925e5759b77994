import type { AacConfig } from "./aac-config.ts";
import { readBits } from "./mp3-side-info.ts";

const headerBytes = 7;

/** A frame as a stream of its own carries it (ISO/IEC 13818-7, 6.2: ADTS, without CRC). */
export function wrapAdts(frame: Buffer, { rateIndex, channels }: AacConfig): Buffer {
  const length = frame.length + headerBytes;
  const header = Buffer.from([
    ...[0xff, 0xf1, (1 << 6) | (rateIndex << 2) | (channels >> 2)],
    ...[((channels & 3) << 6) | (length >> 11), (length >> 3) & 0xff, ((length & 7) << 5) | 0x1f, 0xfc],
  ]);
  return Buffer.concat([header, frame]);
}

/** Whole ADTS frames from the beginning of `bytes` on. */
export function splitAdts(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    if ((bytes.readUInt16BE(at) & 0xfff6) !== 0xfff0) throw new RangeError("an encoder gave something that is no ADTS");
    const length = (bytes.readUInt32BE(at + 3) >>> 13) & 0x1fff;
    if (length < headerBytes || at + length > bytes.length) break;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}

/** What is in an ADTS frame; one with a CRC has two bytes more before it. */
export const unwrapAdts = (frame: Buffer): Buffer =>
  frame.subarray(((frame[1] ?? 0) & 1) === 0 ? headerBytes + 2 : headerBytes);

/** Windows of a frame: sequence 0 long, 1 start, 2 eight short, 3 stop; shape 0 sine, 1 Kaiser-Bessel. */
export interface AacWindow {
  readonly sequence: number;
  readonly shape: number;
}

/**
 * The windows that all channels of a frame share (ISO/IEC 14496-3, 4.4.2.1: raw_data_block, ics_info); null where they
 * do not, or something else stands first.
 */
export function readAacWindow(frame: Buffer, channels: number): AacWindow | null {
  // Element 0: one channel, its global gain before its windows. Element 1: a pair, with windows in common or not.
  const element = readBits(frame, 0, 3);
  if (element !== channels - 1 || channels > 2) return null;
  if (element === 1 && readBits(frame, 7, 1) === 0) return null;
  const at = element === 0 ? 7 + 8 : 7 + 1;
  return { sequence: readBits(frame, at + 1, 2), shape: readBits(frame, at + 3, 1) };
}

/**
 * Whether `after` may stand behind `before`: halves that overlap must be windows of one form. The shape of a frame's
 * first half is that of the frame which its encoder had before it, `neighbour`.
 */
export function aacWindowsFit(before: AacWindow | null, after: AacWindow | null, neighbour: AacWindow | null): boolean {
  if (before === null || after === null || neighbour === null || before.shape !== neighbour.shape) return false;
  const endsShort = before.sequence === 1 || before.sequence === 2;
  const beginsShort = after.sequence === 2 || after.sequence === 3;
  return endsShort === beginsShort;
}
