import type { ReadAt } from "./true-length-mp4.ts";

/** A page is 65,307 bytes at most (RFC 3533), so the end of a file holds the beginning of one. */
const pageBytes = 65_536;

/**
 * Samples at 48 kHz of an Ogg Opus file that begins at its beginning: its last granule position less the pre-skip
 * (RFC 7845, section 4). Null when it is not such a file.
 */
export async function readOpusSamples(read: ReadAt, sizeBytes: number): Promise<number | null> {
  const head = await read(0, 64);
  if (head.length < 47 || head.toString("latin1", 0, 4) !== "OggS") return null;
  if (head.toString("latin1", 28, 36) !== "OpusHead") return null;
  const serial = head.readUInt32LE(14);
  const preSkip = head.readUInt16LE(38);
  const tail = await read(Math.max(0, sizeBytes - pageBytes), pageBytes);
  for (let at = tail.lastIndexOf("OggS"); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf("OggS", at - 1)) {
    // The letters may stand in a packet too; version and serial number tell a page.
    if (at + 27 > tail.length || tail[at + 4] !== 0 || tail.readUInt32LE(at + 14) !== serial) continue;
    const granule = tail.readBigInt64LE(at + 6);
    // -1: no packet ends on this page.
    if (granule >= 0n) return Math.max(0, Number(granule) - preSkip);
  }
  return null;
}
