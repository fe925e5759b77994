import { open } from "node:fs/promises";
import { buildSilentAacFrame } from "./aac-codec.ts";
import { Doubt } from "./doubt.ts";
import { findBodies, type JoinPlan } from "./join-plan.ts";
import { aacFrame, listRuns, type M4aTrack } from "./m4a-track.ts";
import { withFile } from "./read-at.ts";
import type { Splice } from "./seam-codec.ts";

const copyBytes = 256 * 1024;
const framesPerChunk = 32;

interface Work {
  readonly tracks: readonly M4aTrack[];
  readonly plan: JoinPlan;
  readonly splices: readonly Splice[];
}

/** A stretch of the output, as bytes of ours or as frames of a file. */
type Part =
  | { readonly frames: readonly Buffer[] }
  | { readonly track: M4aTrack; readonly from: number; readonly to: number };

/** Writes the joined file: its index first, then frames as they are in their files, and between them seams. */
export async function writeM4a(path: string, work: Work, signal: AbortSignal): Promise<void> {
  const [first] = work.tracks;
  if (first === undefined) throw new Doubt("there is no input");
  const { plan } = work;
  // What is behind the frame in which the recording ends is never heard.
  const frames = Math.min(plan.totalFrames, Math.ceil(plan.endSample / aacFrame));
  const parts = listParts(work, frames);
  const sizes = collectSizes(parts, frames);
  const head = buildHead(first, plan, sizes);
  const file = await open(path, "w");
  try {
    let at = 0;
    const write = async (bytes: Buffer): Promise<void> => {
      signal.throwIfAborted();
      for (let done = 0; done < bytes.length; ) {
        done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
      }
      at += bytes.length;
    };
    await write(head);
    for (const part of parts) {
      if ("frames" in part) await write(Buffer.concat(part.frames));
      else await copyRuns(part, write);
    }
  } finally {
    await file.close();
  }
}

function listParts({ tracks, plan, splices }: Work, frames: number): Part[] {
  const silent = buildSilentAacFrame(tracks[0]?.config.channels ?? 1);
  return findBodies(plan, splices).flatMap(({ span, from, to }, index): Part[] => {
    const track = span.track === null ? undefined : tracks[span.track];
    const end = Math.min(to, frames);
    const body: Part =
      track === undefined
        ? { frames: Array.from({ length: end - from }, () => silent) }
        : { track, from: from - span.frameOffset, to: end - span.frameOffset };
    const made = splices[index]?.frames;
    return made === undefined ? [body] : [body, { frames: made }];
  });
}

function collectSizes(parts: readonly Part[], frames: number): Uint32Array {
  const sizes = new Uint32Array(frames);
  let at = 0;
  for (const part of parts) {
    if ("frames" in part) for (const frame of part.frames) sizes[at++] = frame.length;
    else for (let frame = part.from; frame < part.to; frame++) sizes[at++] = part.track.sizes[frame] ?? 0;
  }
  if (at !== frames) throw new RangeError(`${at} frames were laid where ${frames} were planned`);
  return sizes;
}

async function copyRuns(
  { track, from, to }: { readonly track: M4aTrack; readonly from: number; readonly to: number },
  write: (bytes: Buffer) => Promise<void>,
): Promise<void> {
  await withFile(track.path, async (read) => {
    for (const run of listRuns(track, from, to)) {
      for (let done = 0; done < run.bytes; ) {
        const chunk = await read(run.at + done, Math.min(copyBytes, run.bytes - done));
        if (chunk.length === 0) throw new Doubt("changed while it was read");
        await write(chunk);
        done += chunk.length;
      }
    }
  });
}

/** Everything before the first frame: ftyp, moov and the head of mdat (ISO/IEC 14496-12). */
function buildHead(first: M4aTrack, plan: JoinPlan, sizes: Uint32Array): Buffer {
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  const ftyp = box("ftyp", Buffer.from("M4A \0\0\x02\0M4A isomiso2mp42", "latin1"));
  const mdat = Buffer.alloc(16);
  mdat.writeUInt32BE(1);
  mdat.write("mdat", 4, "latin1");
  mdat.writeBigUInt64BE(BigInt(16 + bytes), 8);
  // The index is as long whatever offsets stand in it.
  const length = buildMoov(first, plan, sizes, 0).length;
  return Buffer.concat([ftyp, buildMoov(first, plan, sizes, ftyp.length + length + mdat.length), mdat]);
}

function buildMoov(
  { config, description, tags }: M4aTrack,
  plan: JoinPlan,
  sizes: Uint32Array,
  dataAt: number,
): Buffer {
  const rate = config.sampleRateHz;
  const heard = plan.endSample - plan.startSample;
  // What the packets last: the last one only as long as it is heard.
  const lasting = Math.min(plan.endSample, sizes.length * aacFrame);
  const matrix = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
  // Movie time runs at the sample rate, so that the edit can be told to the sample.
  const mvhd = full("mvhd", 0, words(0, 0, rate, heard, 0x1_0000, 0x0100_0000, 0, 0, ...matrix, 0, 0, 0, 0, 0, 0, 2));
  const tkhd = full("tkhd", 3, words(0, 0, 1, 0, heard, 0, 0, 1, 0x0100_0000, ...matrix, 0, 0));
  const elst = full("elst", 0, words(1, heard, plan.startSample, 0x1_0000));
  const mdhd = full("mdhd", 0, words(0, 0, rate, lasting, 0x55c4_0000));
  const hdlr = full("hdlr", 0, Buffer.concat([words(0), Buffer.from("soun"), words(0, 0, 0), Buffer.from("\0")]));
  const dref = full("dref", 0, Buffer.concat([words(1), full("url ", 1, Buffer.alloc(0))]));
  const minf = [full("smhd", 0, words(0)), box("dinf", dref), buildTable(description, lasting, sizes, dataAt)];
  const mdia = box("mdia", mdhd, hdlr, box("minf", ...minf));
  const trak = box("trak", tkhd, box("edts", elst), mdia);
  const meta = [full("hdlr", 0, Buffer.concat([words(0), Buffer.from("mdirappl"), words(0, 0), Buffer.from("\0")]))];
  const udta = tags.length === 0 ? [] : [box("udta", full("meta", 0, Buffer.concat([...meta, box("ilst", ...tags)])))];
  return box("moov", mvhd, trak, ...udta);
}

function buildTable(description: Buffer, lasting: number, sizes: Uint32Array, dataAt: number): Buffer {
  const last = lasting - (sizes.length - 1) * aacFrame;
  const stts = full("stts", 0, words(2, sizes.length - 1, aacFrame, 1, last));
  const chunks = Math.ceil(sizes.length / framesPerChunk);
  const rest = sizes.length - (chunks - 1) * framesPerChunk;
  const even = rest === framesPerChunk || chunks === 1;
  const runs = even ? [1, 1, chunks === 1 ? rest : framesPerChunk, 1] : [2, 1, framesPerChunk, 1, chunks, rest, 1];
  const stsz = Buffer.alloc(8 + 4 * sizes.length);
  stsz.writeUInt32BE(sizes.length, 4);
  const offsets = Buffer.alloc(4 + 8 * chunks);
  offsets.writeUInt32BE(chunks);
  let at = dataAt;
  for (const [index, size] of sizes.entries()) {
    stsz.writeUInt32BE(size, 8 + 4 * index);
    if (index % framesPerChunk === 0) offsets.writeBigUInt64BE(BigInt(at), 4 + 8 * (index / framesPerChunk));
    at += size;
  }
  const tables = [stts, full("stsc", 0, words(...runs)), full("stsz", 0, stsz), full("co64", 0, offsets)];
  return box("stbl", box("stsd", description), ...tables);
}

const words = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, 4 * index);
  return bytes;
};

function box(type: string, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + parts.reduce((sum, part) => sum + part.length, 0));
  head.write(type, 4, "latin1");
  return Buffer.concat([head, ...parts]);
}

/** With version 0 and flags. */
const full = (type: string, flags: number, content: Buffer): Buffer => box(type, words(flags), content);
