import type { Mp3Header } from "./mp3-header.ts";

/** Window of a granule's transform: 0 long, 1 start, 2 short, 3 stop; `mixed`: long ones below two subbands. */
export interface BlockType {
  readonly type: number;
  readonly mixed: boolean;
}

/** What a frame's side information tells of where its main data lies and which windows it uses. */
export interface Mp3SideInfo {
  /** Bytes before the frame's own part of the main data at which its data begins. */
  readonly mainDataBegin: number;
  /** Of scale factors and Huffman codes. */
  readonly mainDataBits: number;
  /** Of the first and the last granule, channel by channel. */
  readonly first: readonly BlockType[];
  readonly last: readonly BlockType[];
}

/** Reads it by ISO/IEC 11172-3, 2.4.1.7 (ISO/IEC 13818-3, 2.4.1.7 for one granule). `frame` begins with its header. */
export function parseMp3SideInfo(frame: Buffer, header: Mp3Header): Mp3SideInfo {
  const mpeg1 = header.samplesPerFrame === 1152;
  const { channels, sideAt } = header;
  const mainDataBegin = mpeg1 ? readBits(frame, sideAt * 8, 9) : readBits(frame, sideAt * 8, 8);
  let at = sideAt * 8 + (mpeg1 ? (channels === 1 ? 9 + 5 : 9 + 3) + 4 * channels : 8 + channels);
  let mainDataBits = 0;
  const granules: BlockType[][] = [];
  for (let granule = 0; granule < (mpeg1 ? 2 : 1); granule++) {
    const blocks: BlockType[] = [];
    for (let channel = 0; channel < channels; channel++) {
      mainDataBits += readBits(frame, at, 12);
      // big_values 9, global_gain 8, scalefac_compress 4 (9 in the lower rates), then the switching flag.
      at += 12 + 9 + 8 + (mpeg1 ? 4 : 9);
      const switched = readBits(frame, at, 1) === 1;
      blocks.push(
        switched
          ? { type: readBits(frame, at + 1, 2), mixed: readBits(frame, at + 3, 1) === 1 }
          : { type: 0, mixed: false },
      );
      at += 1 + 22 + (mpeg1 ? 3 : 2);
    }
    granules.push(blocks);
  }
  return { mainDataBegin, mainDataBits, first: granules[0] ?? [], last: granules.at(-1) ?? [] };
}

/** Writes another `main_data_begin`; the CRC, if there is one, must be dropped. */
export function writeMainDataBegin(frame: Buffer, sideAt: number, samplesPerFrame: number, value: number): void {
  if (samplesPerFrame === 576) {
    frame[sideAt] = value;
    return;
  }
  frame[sideAt] = value >> 1;
  frame[sideAt + 1] = ((frame[sideAt + 1] ?? 0) & 0x7f) | ((value & 1) << 7);
}

/**
 * Whether the overlapping halves of neighbouring granules are windows of one shape, so that their aliasing cancels:
 * long and stop end long, and long and start begin so; start and short end short, short and stop begin so.
 */
export function windowsFit(before: readonly BlockType[], after: readonly BlockType[]): boolean {
  return before.every((left, channel) => {
    const right = after[channel];
    if (right === undefined || left.mixed || right.mixed) return false;
    const endsShort = left.type === 1 || left.type === 2;
    const beginsShort = right.type === 2 || right.type === 3;
    return endsShort === beginsShort;
  });
}

/** At most 16 bits from bit `at`; beyond the end they are zeros. */
export function readBits(bytes: Buffer, at: number, count: number): number {
  const byte = at >> 3;
  const word = ((bytes[byte] ?? 0) << 16) | ((bytes[byte + 1] ?? 0) << 8) | (bytes[byte + 2] ?? 0);
  return (word >>> (24 - (at & 7) - count)) & ((1 << count) - 1);
}
