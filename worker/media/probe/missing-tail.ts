import { open } from "node:fs/promises";
import { type Container, countMissingWavBytes } from "./container.ts";

/** An Ogg page is 65,307 bytes at most (RFC 3533, section 6), an ADTS frame 8,191 (13 bits). */
const tailBytes = 65_536 + 27;
/** Frames that must follow one another before bytes are taken for ADTS: two sync words alone occur by chance. */
const chainFrames = 3;

/**
 * How many bytes a file lacks at its end, where its own framing says so: the header of a WAV or AIFF, the last page of an Ogg file,
 * the last frame of a bare AAC. 0 for what is whole, and for formats that do not say.
 */
export async function countMissingBytes(
  path: string,
  { head, sizeBytes }: { readonly head: Buffer; readonly sizeBytes: number },
  container: Container,
): Promise<number> {
  if (container.label === "WAV") return countMissingWavBytes(head, sizeBytes);
  if (container.label === "AIFF") return countMissingAiffBytes(head, sizeBytes);
  if (container.label === "Ogg") return countMissingOfPage(await readTail(path, sizeBytes));
  if (isAdts(head, 0)) return countMissingOfAdts(await readTail(path, sizeBytes));
  return 0;
}

/** By the size of the FORM chunk, which holds all others; streaming writers leave 0 or the largest numbers there. */
function countMissingAiffBytes(head: Buffer, sizeBytes: number): number {
  const size = head.readUInt32BE(4);
  return size >= 0x7ffff000 ? 0 : Math.max(0, 8 + size - sizeBytes);
}

/** What the page that the tail ends in still lacks. A page of another stream's version is no page. */
export function countMissingOfPage(tail: Buffer): number {
  for (let at = tail.lastIndexOf("OggS"); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf("OggS", at - 1)) {
    if (at + 27 > tail.length) return at + 27 - tail.length;
    if (tail[at + 4] !== 0) continue;
    const segments = tail[at + 26] ?? 0;
    let end = at + 27 + segments;
    if (end > tail.length) return end - tail.length;
    for (let index = 0; index < segments; index++) end += tail[at + 27 + index] ?? 0;
    return Math.max(0, end - tail.length);
  }
  return 0;
}

/** What the last of a chain of ADTS frames lacks; 0 when the chain ends with the file, or before something else. */
export function countMissingOfAdts(tail: Buffer): number {
  for (let start = 0; start + 7 <= tail.length; start++) {
    let at = start;
    let frames = 0;
    while (at + 7 <= tail.length && isAdts(tail, at)) {
      at += adtsLength(tail, at);
      frames++;
    }
    if (frames < chainFrames) continue;
    return Math.max(0, at - tail.length);
  }
  return 0;
}

/** Sync word and layer 0 (ISO/IEC 13818-7, 6.2), a length that holds its own header. */
const isAdts = (bytes: Buffer, at: number): boolean =>
  bytes[at] === 0xff && ((bytes[at + 1] ?? 0) & 0xf6) === 0xf0 && adtsLength(bytes, at) >= 7;

const adtsLength = (bytes: Buffer, at: number): number =>
  (((bytes[at + 3] ?? 0) & 3) << 11) | ((bytes[at + 4] ?? 0) << 3) | ((bytes[at + 5] ?? 0) >> 5);

async function readTail(path: string, sizeBytes: number): Promise<Buffer> {
  const handle = await open(path);
  try {
    const tail = Buffer.alloc(Math.min(tailBytes, sizeBytes));
    const { bytesRead } = await handle.read(tail, 0, tail.length, sizeBytes - tail.length);
    return tail.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
