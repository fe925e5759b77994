import { open } from "node:fs/promises";
import { updateCrc16 } from "./fast-join/crc16.ts";
import { parseMp3Header } from "./fast-join/mp3-header.ts";

/** Xing's 120 bytes and LAME's 36. */
const tagBytes = 156;
const largestFrame = 2_881;

/**
 * Writes delay and padding (12 bits each) into the LAME extension at the head of an mp3 that ffmpeg has copied frames into:
 * it fills in all the rest, these it knows of its own encoder's streams only (gabriel.mp3-tech.org/mp3infotag.html).
 */
export async function writeGaplessTag(path: string, delay: number, padding: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const read = async (at: number, length: number): Promise<Buffer> => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    };
    const id3 = await read(0, 10);
    const hasTag = id3.toString("latin1", 0, 3) === "ID3";
    const size = [6, 7, 8, 9].reduce((sum, byte) => sum * 128 + ((id3[byte] ?? 0) & 0x7f), 0);
    const start = hasTag ? 10 + size : 0;
    const frame = await read(start, largestFrame);
    const at = parseMp3Header(frame, 0)?.mainAt ?? 0;
    const lame = at + 120;
    const isWhole = ["Xing", "Info"].includes(frame.toString("latin1", at, at + 4)) && frame.length >= at + tagBytes;
    // Frames, bytes, contents, quality: all of them, as places count on it.
    if (!isWhole || frame.readUInt32BE(at + 4) !== 0xf)
      throw new RangeError("ffmpeg wrote an mp3 without a Xing header");
    frame.writeUIntBE((delay << 12) | padding, lame + 21, 3);
    frame.writeUInt16BE(updateCrc16(0, frame.subarray(0, lame + 34)), lame + 34);
    await file.write(frame, lame + 21, 15, start + lame + 21);
  } finally {
    await file.close();
  }
}
