import { updateCrc16 } from "./crc16.ts";
import { Doubt } from "./doubt.ts";
import { buildMp3Header, parseMp3Header } from "./mp3-header.ts";

/** What the first frame of an mp3 says of the whole. */
export interface XingFacts {
  /** Frames of sound, without this one. */
  readonly frames: number;
  /** Of the whole stream, this frame included, tags not. */
  readonly bytes: number;
  /** Where a hundredth of the time each begins, in 256ths of the bytes. */
  readonly contents: Uint8Array;
  /** Bits a second on average. */
  readonly bitRate: number;
  /** First sample of the recording among the decoded ones, and the one behind its last. */
  readonly startSample: number;
  readonly endSample: number;
  readonly musicCrc: number;
}

/** Samples by which every decoder is late; the tag counts without them. */
const decoderDelay = 529;
/** Starts below this cannot be told. */
export const leastXingStart = decoderDelay;
const fieldBits = 0xfff;
/** Xing's 120 bytes and LAME's 36. */
const tagBytes = 156;

export const xingFrameBytes = (word: number): number => locate(word).bytes;

function locate(word: number): { readonly word: number; readonly bytes: number; readonly at: number } {
  const plain = Buffer.alloc(4);
  plain.writeUInt32BE((word | 0x1_0000) >>> 0);
  const at = parseMp3Header(plain, 0)?.mainAt ?? 36;
  const header = buildMp3Header(word, at + tagBytes);
  if (header === null) throw new RangeError("no frame has room for a Xing header");
  return { ...header, at };
}

/**
 * A frame of silence that carries the Xing header and LAME's extension, for a stream whose first header is `word`
 * (gabriel.mp3-tech.org/mp3infotag.html). Throws a `Doubt` when delay or padding pass their 12 bits.
 */
export function buildXingFrame(word: number, samplesPerFrame: number, facts: XingFacts): Buffer {
  const { word: head, bytes, at } = locate(word);
  const delay = facts.startSample - decoderDelay;
  const padding = facts.frames * samplesPerFrame + decoderDelay - facts.endSample;
  if (delay < 0 || delay > fieldBits || padding < 0 || padding > fieldBits) {
    throw new Doubt("its delay or padding has no room in a header");
  }
  const frame = Buffer.alloc(bytes);
  frame.writeUInt32BE(head);
  frame.write("Xing", at, "latin1");
  // Frames, bytes, contents, quality.
  frame.writeUInt32BE(0xf, at + 4);
  frame.writeUInt32BE(facts.frames, at + 8);
  frame.writeUInt32BE(facts.bytes >>> 0, at + 12);
  frame.set(facts.contents, at + 16);
  const lame = at + 120;
  // Decoders believe the numbers of few writers by name; this is how libavformat signs.
  frame.write("Lavf", lame, "latin1");
  // Revision 0, method: variable, and unknown how.
  frame[lame + 9] = 0x00;
  frame[lame + 20] = Math.min(255, Math.round(facts.bitRate / 1000));
  frame.writeUIntBE((delay << 12) | padding, lame + 21, 3);
  frame.writeUInt32BE(facts.bytes >>> 0, lame + 28);
  frame.writeUInt16BE(facts.musicCrc, lame + 32);
  frame.writeUInt16BE(updateCrc16(0, frame.subarray(0, lame + 34)), lame + 34);
  return frame;
}

/** The contents by marks of (frame, byte), in order; between them bytes are taken to be even. */
export function buildContents(
  marks: readonly (readonly [number, number])[],
  frames: number,
  bytes: number,
): Uint8Array {
  const contents = new Uint8Array(100);
  let mark = 0;
  for (let hundredth = 0; hundredth < 100; hundredth++) {
    const frame = (hundredth * frames) / 100;
    while ((marks[mark + 1]?.[0] ?? Number.POSITIVE_INFINITY) <= frame) mark++;
    const [fromFrame, fromByte] = marks[mark] ?? [0, 0];
    const [toFrame, toByte] = marks[mark + 1] ?? [frames, bytes];
    const part = toFrame > fromFrame ? (frame - fromFrame) / (toFrame - fromFrame) : 0;
    contents[hundredth] = Math.min(255, Math.floor((256 * (fromByte + part * (toByte - fromByte))) / bytes));
  }
  return contents;
}
