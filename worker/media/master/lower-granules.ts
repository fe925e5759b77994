import { type FileHandle, open } from "node:fs/promises";
import { updateCrc16 } from "../fast-join/crc16.ts";
import { type Mp3Header, parseMp3Header } from "../fast-join/mp3-header.ts";
import { readBits } from "../fast-join/mp3-side-info.ts";

/** One step of a granule's global gain: a quarter of a power of two (ISO/IEC 11172-3, 2.4.3.4.7.1). */
export const gainStepDb = 20 * Math.log10(2 ** 0.25);

const blockBytes = 1 << 20;
const largestFrame = 2_881;
/** Xing's 120 bytes; LAME's checksums lie behind its first 32 (gabriel.mp3-tech.org/mp3infotag.html). */
const musicCrcAt = 120 + 32;

/**
 * Takes whole steps off the global gain of granules of an mp3, which are counted from the first frame of sound: what
 * they hold is as before, only softer, and no other granule changes. The checksums in LAME's tag are written anew.
 * @returns false, and nothing changed, where the file is not plain enough for it
 */
export async function lowerGranules(path: string, steps: ReadonlyMap<number, number>): Promise<boolean> {
  const file = await open(path, "r+");
  try {
    const writes = await findWrites(file, steps);
    for (const { bytes, at } of writes ?? []) await file.write(bytes, 0, bytes.length, at);
    return writes !== null;
  } finally {
    await file.close();
  }
}

interface Write {
  readonly at: number;
  readonly bytes: Buffer;
}

/** Walks the whole file: the frames that change, and the checksums over all of them. Null where it is not plain enough. */
async function findWrites(file: FileHandle, steps: ReadonlyMap<number, number>): Promise<Write[] | null> {
  const { size } = await file.stat();
  const writes: Write[] = [];
  const room = Buffer.allocUnsafe(blockBytes);
  let at = await skipTag(file);
  let tag: { at: number; frame: Buffer; mainAt: number } | null = null;
  let crc = 0;
  let granule = 0;
  let block = room.subarray(0, 0);
  let blockAt = 0;
  for (let isFirst = true; at + 4 <= size; isFirst = false) {
    if (at < blockAt || at + largestFrame > blockAt + block.length) {
      const { bytesRead } = await file.read(room, 0, Math.min(blockBytes, size - at), at);
      [block, blockAt] = [room.subarray(0, bytesRead), at];
    }
    const header = parseMp3Header(block, at - blockAt);
    // Tags behind the sound end it.
    if (header === null) break;
    const frame = block.subarray(at - blockAt, at - blockAt + header.bytes);
    if (isFirst && isTag(frame, header)) tag = { at, frame: Buffer.from(frame), mainAt: header.mainAt };
    else {
      if (header.hasCrc) return null;
      if (lowerFrame(frame, header, granule, steps)) writes.push({ at, bytes: Buffer.from(frame) });
      crc = updateCrc16(crc, frame);
      granule += header.samplesPerFrame / 576;
    }
    at += header.bytes;
  }
  if (granule === 0) return null;
  if (tag !== null && tag.frame.length >= tag.mainAt + musicCrcAt + 4) {
    const crcAt = tag.mainAt + musicCrcAt;
    tag.frame.writeUInt16BE(crc, crcAt);
    tag.frame.writeUInt16BE(updateCrc16(0, tag.frame.subarray(0, crcAt + 2)), crcAt + 2);
    writes.push({ at: tag.at + crcAt, bytes: tag.frame.subarray(crcAt, crcAt + 4) });
  }
  return writes;
}

/** Changes the frame in place. */
function lowerFrame(frame: Buffer, header: Mp3Header, granule: number, steps: ReadonlyMap<number, number>): boolean {
  const mpeg1 = header.samplesPerFrame === 1152;
  const { channels, sideAt } = header;
  // main_data_begin, private bits, and in MPEG-1 four bits of scfsi a channel (2.4.1.7).
  let at = sideAt * 8 + (mpeg1 ? (channels === 1 ? 9 + 5 + 4 : 9 + 3 + 8) : 8 + channels);
  let isChanged = false;
  for (let index = 0; index < (mpeg1 ? 2 : 1); index++) {
    const down = steps.get(granule + index) ?? 0;
    for (let channel = 0; channel < channels; channel++) {
      // part2_3_length 12, big_values 9, then the gain; 59 bits in all, 63 in the lower rates.
      const gainAt = at + 21;
      const gain = readBits(frame, gainAt, 8);
      if (down > 0 && gain > 0) {
        writeByte(frame, gainAt, Math.max(0, gain - down));
        isChanged = true;
      }
      at += mpeg1 ? 59 : 63;
    }
  }
  return isChanged;
}

function writeByte(bytes: Buffer, bit: number, value: number): void {
  const byte = bit >> 3;
  const shift = 8 - (bit & 7);
  const word = ((bytes[byte] ?? 0) << 8) | (bytes[byte + 1] ?? 0);
  const changed = (word & ~(0xff << shift)) | (value << shift);
  bytes[byte] = (changed >> 8) & 0xff;
  if (byte + 1 < bytes.length) bytes[byte + 1] = changed & 0xff;
}

const isTag = (frame: Buffer, { mainAt }: Mp3Header): boolean =>
  ["Xing", "Info"].includes(frame.toString("latin1", mainAt, mainAt + 4));

async function skipTag(file: FileHandle): Promise<number> {
  const head = Buffer.alloc(10);
  await file.read(head, 0, 10, 0);
  if (head.toString("latin1", 0, 3) !== "ID3") return 0;
  const size = [6, 7, 8, 9].reduce((sum, byte) => sum * 128 + ((head[byte] ?? 0) & 0x7f), 0);
  return 10 + size + (((head[5] ?? 0) & 0x10) !== 0 ? 10 : 0);
}
