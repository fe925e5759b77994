import { open } from "node:fs/promises";
import { updateCrc16 } from "../fast-join/crc16.ts";
import { parseMp3Header } from "../fast-join/mp3-header.ts";

/** Xing's 120 bytes and LAME's 36. */
const tagBytes = 156;
const largestFrame = 2_881;

/** LAME's, without the decoder's 529. */
const lameDelay = 576;

/**
 * Writes delay and padding (12 bits each) into the LAME extension at the head of an mp3 of LAME's frames that ffmpeg wrote,
 * so that players give exactly `samples` a channel (gabriel.mp3-tech.org/mp3infotag.html). ffmpeg fills in all the rest.
 * These it does not know of frames that it copied; of its own encoder's it forgets up to 46 samples of padding, at one
 * length in 25.
 */
export async function writeGaplessTag(path: string, samples: number): Promise<void> {
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
    const header = parseMp3Header(frame, 0);
    const at = header?.mainAt ?? 0;
    const lame = at + 120;
    const isWhole = ["Xing", "Info"].includes(frame.toString("latin1", at, at + 4)) && frame.length >= at + tagBytes;
    // Frames, bytes, contents, quality: all of them, as places count on it.
    if (!isWhole || frame.readUInt32BE(at + 4) !== 0xf)
      throw new RangeError("ffmpeg wrote an mp3 without a Xing header");
    const whole = frame.readUInt32BE(at + 8) * (header?.samplesPerFrame ?? 0);
    const padding = Math.min(0xfff, Math.max(0, whole - lameDelay - samples));
    frame.writeUIntBE((lameDelay << 12) | padding, lame + 21, 3);
    frame.writeUInt16BE(updateCrc16(0, frame.subarray(0, lame + 34)), lame + 34);
    await file.write(frame, lame + 21, 15, start + lame + 21);
  } finally {
    await file.close();
  }
}
