import { deriveMp4Length, type TrueLength } from "../probe/true-length.ts";
import { findBox, findBoxes, listBoxes, parseMoov, type ReadAt } from "../probe/true-length-mp4.ts";
import { type AacConfig, parseAacConfig } from "./aac-config.ts";
import { Doubt } from "./doubt.ts";
import type { FastTrack } from "./fast-track.ts";
import { withFile } from "./read-at.ts";

/** An MP4 file that holds one track of AAC LC, each of whose packets is a frame of 1,024 samples. */
export interface M4aTrack extends FastTrack {
  readonly config: AacConfig;
  /** The sample description with its decoder configuration, as it is in the file (ISO/IEC 14496-14). */
  readonly description: Buffer;
  /** Bytes of each frame. */
  readonly sizes: Uint16Array;
  /** First frame of each chunk, and where the chunk begins. */
  readonly chunkFrames: Uint32Array;
  readonly chunkOffsets: Float64Array;
  readonly tags: readonly Buffer[];
}

export const aacFrame = 1_024;
const longestMoov = 64 * 1024 ** 2;
const knownBoxes = new Set(["ftyp", "moov", "mdat", "free", "skip", "wide"]);

/** Of the work, not of one file; names of iTunes' metadata items. */
const keptItems = new Set([
  "©nam",
  "©ART",
  "aART",
  "©alb",
  "©wrt",
  "©gen",
  "gnre",
  "©day",
  "©cmt",
  "desc",
  "ldes",
  "cprt",
  "tvsh",
]);
const longestItem = 8_192;

/** Reads the index of an m4a. Whatever is not plain (fragments, further tracks, other codecs) is a `Doubt`. */
export function readM4aTrack(path: string, name: string, sizeBytes: number): Promise<M4aTrack> {
  return withFile(path, async (read) => {
    try {
      const moov = await findMoov(read, sizeBytes);
      return { path, name, ...parseTrack(moov, sizeBytes) };
    } catch (error) {
      throw error instanceof RangeError ? new Doubt("has a damaged index") : error;
    }
  });
}

async function findMoov(read: ReadAt, sizeBytes: number): Promise<Buffer> {
  let moov: Buffer | null = null;
  for (let at = 0; at < sizeBytes; ) {
    const head = await read(at, 16);
    if (head.length < 8) throw new Doubt("ends in the middle of a box");
    const type = head.toString("latin1", 4, 8);
    const short = head.readUInt32BE(0);
    const size = short === 1 ? Number(head.readBigUInt64BE(8)) : short === 0 ? sizeBytes - at : short;
    const headBytes = short === 1 ? 16 : 8;
    if (at === 0 && type !== "ftyp") throw new Doubt("is no plain m4a");
    if (!knownBoxes.has(type) || size < headBytes || at + size > sizeBytes) throw new Doubt("has an unusual layout");
    if (type === "moov") {
      if (moov !== null || size > longestMoov) throw new Doubt("has an unusual index");
      moov = (await read(at, size)).subarray(headBytes);
    }
    at += size;
  }
  if (moov === null) throw new Doubt("has no index");
  return moov;
}

function parseTrack(moov: Buffer, sizeBytes: number): Omit<M4aTrack, "path" | "name"> {
  const [track, further] = findBoxes(moov, "trak");
  if (track === undefined || further !== undefined) throw new Doubt("holds more or less than one track");
  if (findBoxes(moov, "mvex").length > 0) throw new Doubt("is in fragments");
  const media = findBox(track, "mdia");
  const table = findBox(findBox(media, "minf"), "stbl");
  const description = findBox(table, "stsd");
  const config = parseAacConfig(description);
  const timing = parseMoov(moov);
  if (timing === null || timing.mediaTimescale !== config.sampleRateHz) throw new Doubt("counts time unusually");
  const sizes = parseSizes(findBox(table, "stsz"));
  requireEvenFrames(findBox(table, "stts"), sizes.length);
  const chunks = parseChunks(table, sizes, sizeBytes);
  const items = readItems(moov);
  const length: TrueLength = deriveMp4Length(timing, { sampleRateHz: config.sampleRateHz, codec: "aac" }, items.smpb);
  if (length.samples === null) throw new Doubt("is cut by several edits");
  const held = sizes.length * aacFrame;
  const promised = length.startSample + length.samples;
  const endSample = Math.min(held, promised);
  if (length.startSample >= endSample) throw new Doubt("has an edit beyond its end");
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return {
    ...{ config, description, sizes, ...chunks, frames: sizes.length, startSample: length.startSample, endSample },
    missingSamples: promised - endSample,
    bitRate: (8 * bytes * config.sampleRateHz) / held,
    ...{ tags: items.kept, hasPicture: items.hasPicture, profile: config.bytes.toString("hex") },
    ...{ sampleRateHz: config.sampleRateHz, channels: config.channels, samplesPerFrame: aacFrame },
  };
}

function parseSizes(stsz: Buffer): Uint16Array {
  const count = stsz.readUInt32BE(8);
  if (stsz.readUInt32BE(4) !== 0 || count === 0 || 12 + 4 * count > stsz.length) throw new Doubt("has unusual frames");
  const sizes = new Uint16Array(count);
  for (let index = 0; index < count; index++) {
    const size = stsz.readUInt32BE(12 + 4 * index);
    if (size === 0 || size > 8_191 - 7) throw new Doubt("has frames of an unusual size");
    sizes[index] = size;
  }
  return sizes;
}

/** Every packet lasts 1,024 samples; the last may be shorter, which tells where the recording ends. */
function requireEvenFrames(stts: Buffer, frames: number): void {
  let seen = 0;
  const entries = stts.readUInt32BE(4);
  for (let entry = 0; entry < entries; entry++) {
    const count = stts.readUInt32BE(8 + 8 * entry);
    const duration = stts.readUInt32BE(12 + 8 * entry);
    seen += count;
    const isLast = entry === entries - 1 && count === 1;
    if (duration !== aacFrame && !(isLast && duration < aacFrame)) throw new Doubt("has frames of uneven length");
  }
  if (seen !== frames) throw new Doubt("counts its frames in two ways");
}

function parseChunks(table: Buffer, sizes: Uint16Array, sizeBytes: number) {
  const [narrow] = findBoxes(table, "stco");
  const wide = narrow === undefined ? findBox(table, "co64") : null;
  const count = (narrow ?? wide ?? table).readUInt32BE(4);
  const stsc = findBox(table, "stsc");
  const runs = stsc.readUInt32BE(4);
  if (count > sizes.length) throw new Doubt("has empty chunks");
  const chunkFrames = new Uint32Array(count);
  const chunkOffsets = new Float64Array(count);
  let [frame, run] = [0, 0];
  for (let chunk = 0; chunk < count; chunk++) {
    while (run + 1 < runs && stsc.readUInt32BE(8 + 12 * (run + 1)) <= chunk + 1) run++;
    chunkFrames[chunk] = frame;
    const offset = narrow?.readUInt32BE(8 + 4 * chunk) ?? Number(wide?.readBigUInt64BE(8 + 8 * chunk));
    chunkOffsets[chunk] = offset;
    const end = frame + stsc.readUInt32BE(8 + 12 * run + 4);
    let bytes = offset;
    for (; frame < end; frame++) bytes += sizes[frame] ?? 0;
    if (bytes > sizeBytes) throw new Doubt("is cut off");
  }
  if (frame !== sizes.length) throw new Doubt("counts its frames in two ways");
  return { chunkFrames, chunkOffsets };
}

/** iTunes' metadata: `moov/udta/meta/ilst`. */
function readItems(moov: Buffer): { kept: Buffer[]; hasPicture: boolean; smpb: string | undefined } {
  const [udta] = findBoxes(moov, "udta");
  const [meta] = udta === undefined ? [] : findBoxes(udta, "meta");
  // Version and flags stand before its boxes.
  const [list] = meta === undefined ? [] : findBoxes(meta.subarray(4), "ilst");
  const items = list === undefined ? [] : listBoxes(list);
  const gapless = items.find(({ type, whole }) => type === "----" && whole.includes("iTunSMPB"))?.whole;
  const data = gapless?.indexOf("data") ?? -1;
  return {
    kept: items
      .filter(({ type, whole }) => keptItems.has(type) && whole.length <= longestItem)
      .map(({ whole }) => whole),
    hasPicture: items.some(({ type }) => type === "covr"),
    // Behind its name, type and locale.
    smpb: gapless === undefined || data < 0 ? undefined : gapless.toString("latin1", data + 12),
  };
}

/** Where frames `from` to before `to` lie, as runs of bytes. */
export function listRuns(track: M4aTrack, from: number, to: number): { readonly at: number; readonly bytes: number }[] {
  const runs: { at: number; bytes: number }[] = [];
  const { chunkFrames, chunkOffsets, sizes } = track;
  let chunk = Math.max(0, findChunk(chunkFrames, from));
  for (let frame = from; frame < to; chunk++) {
    let at = chunkOffsets[chunk] ?? 0;
    for (let before = chunkFrames[chunk] ?? 0; before < frame; before++) at += sizes[before] ?? 0;
    const end = Math.min(to, chunkFrames[chunk + 1] ?? track.frames);
    let bytes = 0;
    for (; frame < end; frame++) bytes += sizes[frame] ?? 0;
    const last = runs.at(-1);
    if (last !== undefined && last.at + last.bytes === at) last.bytes += bytes;
    else runs.push({ at, bytes });
  }
  return runs;
}

/** The last chunk that begins at `frame` or before. */
function findChunk(chunkFrames: Uint32Array, frame: number): number {
  let [low, high] = [0, chunkFrames.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((chunkFrames[middle] ?? 0) <= frame) low = middle;
    else high = middle - 1;
  }
  return low;
}

export async function readM4aFrames(read: ReadAt, track: M4aTrack, from: number, to: number): Promise<Buffer[]> {
  const runs = await Promise.all(listRuns(track, from, to).map(({ at, bytes }) => read(at, bytes)));
  const whole = Buffer.concat(runs);
  let at = 0;
  return Array.from({ length: to - from }, (_, index) => {
    const size = track.sizes[from + index] ?? 0;
    at += size;
    return whole.subarray(at - size, at);
  });
}
