import { parseLameTag } from "../probe/true-length-mp3.ts";
import type { ReadAt } from "../probe/true-length-mp4.ts";
import { Doubt } from "./doubt.ts";
import type { FastTrack } from "./fast-track.ts";
import { convertId3v1, type Id3Tag, readId3Tag } from "./id3-tag.ts";
import { type Mp3Header, parseMp3Header, streamBits } from "./mp3-header.ts";
import { parseMp3SideInfo } from "./mp3-side-info.ts";
import { withFile } from "./read-at.ts";

/** An mp3 file whose every frame has been seen to follow upon the one before, with nothing between. */
export interface Mp3Track extends FastTrack {
  readonly header: Mp3Header;
  readonly word: number;
  /** Bytes from the first frame's to behind the last one's. */
  readonly audioStart: number;
  readonly audioEnd: number;
  /** Places of frames 0, 256 (`checkpointFrames`), 512, … */
  readonly checkpoints: readonly number[];
  readonly checkpointFrames: number;
  readonly tag: Pick<Id3Tag, "version" | "kept">;
}

const checkpointFrames = 256;
const chunkBytes = 256 * 1024;
/** The first frame and what LAME notes in it. */
const firstBytes = 4_096;
const largestFrame = 2_881;
const emphasisBits = 3;

/**
 * Reads an mp3 from end to end by its frame headers alone. Whatever is not plain (free format, another stream in
 * between, bytes that belong to no frame or known tag, a first frame that leans on a lost one) is a `Doubt`.
 */
export function readMp3Track(path: string, name: string, sizeBytes: number): Promise<Mp3Track> {
  return withFile(path, async (read) => {
    const tag = await readId3Tag(read);
    const { end, id3v1 } = await findTail(read, sizeBytes);
    const first = await read(tag.endsAt, firstBytes);
    const header = parseMp3Header(first, 0);
    if (header === null) throw new Doubt("is no plain mp3");
    const word = first.readUInt32BE(0);
    if ((word & emphasisBits) !== 0) throw new Doubt("uses pre-emphasis");
    const about = readInfoFrame(first, header);
    const audioStart = tag.endsAt + (about.isInfo ? header.bytes : 0);
    const walk = await walkFrames(read, { word, from: audioStart, end });
    if (walk.frames === 0) throw new Doubt("has no frame of sound");
    await checkFirstFrame(read, audioStart);
    const held = walk.frames * header.samplesPerFrame;
    const endSample = about.samples === null ? held : Math.min(held, about.startSample + about.samples);
    if (about.frames !== null && about.frames < walk.frames) throw new Doubt("holds more than its header counts");
    return {
      ...{ path, name, header, word, audioStart, endSample, profile: "", hasPicture: tag.hasPicture },
      ...{ sampleRateHz: header.sampleRateHz, channels: header.channels, samplesPerFrame: header.samplesPerFrame },
      ...{ frames: walk.frames, audioEnd: walk.end, checkpoints: walk.checkpoints, checkpointFrames },
      startSample: about.startSample,
      missingSamples: about.samples === null ? 0 : about.startSample + about.samples - endSample,
      bitRate: ((walk.end - audioStart) * 8 * header.sampleRateHz) / held,
      tag: tag.kept.length > 0 || id3v1 === null ? tag : { ...tag, version: 3, kept: convertId3v1(id3v1) },
    };
  });
}

/** Tags behind the sound: ID3v1, and APEv2 before it. */
async function findTail(read: ReadAt, sizeBytes: number): Promise<{ end: number; id3v1: Buffer | null }> {
  let end = sizeBytes;
  const last = await read(Math.max(0, end - 128), 128);
  const id3v1 = last.toString("latin1", 0, 3) === "TAG" ? last : null;
  if (id3v1 !== null) end -= 128;
  const footer = await read(Math.max(0, end - 32), 32);
  if (footer.toString("latin1", 0, 8) === "APETAGEX") {
    // Its size counts the footer; bit 31 of the flags says that a header of 32 bytes stands before it.
    end -= footer.readUInt32LE(12) + (footer.readInt32LE(20) < 0 ? 32 : 0);
  }
  if (end <= 0) throw new Doubt("has a damaged tag at its end");
  return { end, id3v1 };
}

/** What a first frame that holds no sound but a description says (Xing, Info, with LAME's extension). */
function readInfoFrame(first: Buffer, header: Mp3Header) {
  const frame = first.subarray(0, header.bytes);
  // Writers disagree whether a CRC moves the tag.
  const places = [header.mainAt, header.mainAt - (header.hasCrc ? 2 : 0)];
  const isInfo = places.some((at) => ["Xing", "Info"].includes(frame.toString("latin1", at, at + 4)));
  if (frame.toString("latin1", 36, 40) === "VBRI") throw new Doubt("has a VBRI header");
  if (isInfo && header.hasCrc) throw new Doubt("has an unusual Xing header");
  const lame = isInfo ? parseLameTag(first) : null;
  if (lame?.kind !== "lame") return { isInfo, startSample: 0, samples: null, frames: null };
  return { isInfo, startSample: lame.startSample, samples: lame.samples, frames: lame.frames };
}

/** A reservoir that begins before the file would be filled by whatever comes to lie before it. */
async function checkFirstFrame(read: ReadAt, at: number): Promise<void> {
  const bytes = await read(at, largestFrame);
  const header = parseMp3Header(bytes, 0);
  if (header === null || parseMp3SideInfo(bytes, header).mainDataBegin > 0) {
    throw new Doubt("begins in the middle of a stream");
  }
}

interface Walk {
  readonly frames: number;
  readonly end: number;
  readonly checkpoints: readonly number[];
}

/** Steps from header to header; stops at `end`, or before a last frame that is cut off there. */
async function walkFrames(read: ReadAt, span: { word: number; from: number; end: number }): Promise<Walk> {
  const sizes = buildFrameSizes(span.word);
  const wanted = span.word & streamBits;
  const mono = isMono(span.word);
  const checkpoints: number[] = [];
  let [frames, at] = [0, span.from];
  let [chunk, chunkAt]: [Buffer, number] = [Buffer.alloc(0), at];
  while (at + 4 <= span.end) {
    if (at + 4 > chunkAt + chunk.length) {
      chunk = await read(at, Math.min(chunkBytes, span.end - at));
      chunkAt = at;
      if (chunk.length < 4) break;
    }
    const word = chunk.readUInt32BE(at - chunkAt);
    const size = sizes[(word >>> 9) & 0x79] ?? 0;
    if ((word & streamBits) !== wanted || size === 0 || isMono(word) !== mono || (word & emphasisBits) !== 0) {
      if (await isPadding(read, at, span.end)) break;
      throw new Doubt("holds bytes that belong to no frame, or frames of another kind");
    }
    if (at + size > span.end) break;
    if (frames % checkpointFrames === 0) checkpoints.push(at);
    frames++;
    at += size;
  }
  return { frames, end: at, checkpoints };
}

const isMono = (word: number): boolean => ((word >>> 6) & 3) === 3;

/** By bit rate index (bits 3 to 6) and padding (bit 0), as these stand in a header's word from bit 9 on. */
function buildFrameSizes(word: number): Uint16Array {
  const sizes = new Uint16Array(128);
  const head = Buffer.alloc(4);
  for (let key = 0; key < 128; key++) {
    if ((key & 0x06) !== 0) continue;
    head.writeUInt32BE(((word & ~0xf200) | ((key & 0x79) << 9)) >>> 0);
    sizes[key] = parseMp3Header(head, 0)?.bytes ?? 0;
  }
  return sizes;
}

async function isPadding(read: ReadAt, at: number, end: number): Promise<boolean> {
  if (end - at > chunkBytes) return false;
  return (await read(at, end - at)).every((byte) => byte === 0);
}

/** Place of a frame in the file; of the one behind the last, the end of the sound. */
export async function findMp3Frame(read: ReadAt, track: Mp3Track, index: number): Promise<number> {
  if (index >= track.frames) return track.audioEnd;
  const checkpoint = Math.floor(index / checkpointFrames);
  const from = track.checkpoints[checkpoint] ?? track.audioStart;
  const to = track.checkpoints[checkpoint + 1] ?? track.audioEnd;
  const bytes = await read(from, to - from);
  let at = 0;
  for (let frame = checkpoint * checkpointFrames; frame < index; frame++) at += parseMp3Header(bytes, at)?.bytes ?? 0;
  return from + at;
}

/** The bytes of frames `from` to before `to`. */
export async function readMp3Frames(read: ReadAt, track: Mp3Track, from: number, to: number): Promise<Buffer[]> {
  const start = await findMp3Frame(read, track, from);
  const bytes = await read(start, (await findMp3Frame(read, track, to)) - start);
  return splitMp3Frames(bytes);
}

/** Frames that stand one behind the other. */
export function splitMp3Frames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = parseMp3Header(bytes, at);
    if (header === null || at + header.bytes > bytes.length) throw new Doubt("changed while it was read");
    frames.push(bytes.subarray(at, at + header.bytes));
    at += header.bytes;
  }
  return frames;
}
