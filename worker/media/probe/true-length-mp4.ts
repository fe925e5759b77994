/** Bytes of a file; fewer than `length` at its end. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

/** The first audio track's timing as its boxes tell it (ISO/IEC 14496-12: mvhd, mdhd, stts, elst). */
export interface Mp4Timing {
  /** Units of `segmentDuration` in a second. */
  readonly movieTimescale: number;
  /** Units of `mediaTime` and `mediaDuration` in a second. */
  readonly mediaTimescale: number;
  /** Sum of all packets' durations. */
  readonly mediaDuration: number;
  readonly edits: readonly { readonly segmentDuration: number; readonly mediaTime: number }[];
}

/** A day of AAC has an index of about 16 MB. */
const moovBytes = 64 * 1024 ** 2;
const topLevelBoxes = 10_000;

/** Finds `moov` and reads the first audio track's timing; null when there is none, or it is in fragments. */
export async function readMp4Timing(read: ReadAt): Promise<Mp4Timing | null> {
  let at = 0;
  for (let box = 0; box < topLevelBoxes; box++) {
    const head = await read(at, 16);
    if (head.length < 8) return null;
    const { size, headerBytes, type } = readBoxHeader(head, 0, Number.MAX_SAFE_INTEGER);
    if (size < headerBytes) return null;
    if (type === "moov") return size > moovBytes ? null : parseMoov((await read(at, size)).subarray(headerBytes));
    at += size;
  }
  return null;
}

/** @param moov the box's content. Null when a part is missing or damaged. */
export function parseMoov(moov: Buffer): Mp4Timing | null {
  try {
    const movieTimescale = readTimescale(findBox(moov, "mvhd"));
    for (const track of findBoxes(moov, "trak")) {
      const media = findBox(track, "mdia");
      if (findBox(media, "hdlr").toString("latin1", 8, 12) !== "soun") continue;
      const mediaTimescale = readTimescale(findBox(media, "mdhd"));
      const mediaDuration = sumDurations(findBox(findBox(findBox(media, "minf"), "stbl"), "stts"));
      const [edits] = findBoxes(track, "edts");
      if (movieTimescale <= 0 || mediaTimescale <= 0 || mediaDuration <= 0) return null;
      return {
        movieTimescale,
        mediaTimescale,
        mediaDuration,
        edits: edits === undefined ? [] : readEdits(findBox(edits, "elst")),
      };
    }
    return null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readBoxHeader(at: Buffer, offset: number, rest: number): { size: number; headerBytes: number; type: string } {
  const size = at.readUInt32BE(offset);
  const type = at.toString("latin1", offset + 4, offset + 8);
  if (size === 1) return { size: Number(at.readBigUInt64BE(offset + 8)), headerBytes: 16, type };
  return { size: size === 0 ? rest : size, headerBytes: 8, type };
}

/** The boxes that `parent` holds, with their headers. Throws a RangeError when they do not add up. */
export function listBoxes(
  parent: Buffer,
): { readonly type: string; readonly whole: Buffer; readonly content: Buffer }[] {
  const found: { type: string; whole: Buffer; content: Buffer }[] = [];
  for (let at = 0; at + 8 <= parent.length; ) {
    const { size, headerBytes, type } = readBoxHeader(parent, at, parent.length - at);
    if (size < headerBytes) throw new RangeError(`box ${type} is smaller than its header`);
    const whole = parent.subarray(at, at + size);
    found.push({ type, whole, content: whole.subarray(headerBytes) });
    at += size;
  }
  return found;
}

/** Contents of the boxes of one type. */
export const findBoxes = (parent: Buffer, wanted: string): Buffer[] =>
  listBoxes(parent).flatMap(({ type, content }) => (type === wanted ? [content] : []));

/** Content of the first box of a type; throws a RangeError without one. */
export function findBox(parent: Buffer, wanted: string): Buffer {
  const [first] = findBoxes(parent, wanted);
  if (first === undefined) throw new RangeError(`no box ${wanted}`);
  return first;
}

/** Of mvhd and mdhd alike: after version, flags and two dates of 4 or 8 bytes each. */
const readTimescale = (box: Buffer): number => box.readUInt32BE(box[0] === 1 ? 20 : 12);

function sumDurations(stts: Buffer): number {
  const entries = stts.readUInt32BE(4);
  let sum = 0;
  for (let at = 8; at < 8 + entries * 8; at += 8) sum += stts.readUInt32BE(at) * stts.readUInt32BE(at + 4);
  return sum;
}

function readEdits(elst: Buffer): { segmentDuration: number; mediaTime: number }[] {
  const entries = elst.readUInt32BE(4);
  const wide = elst[0] === 1;
  const entryBytes = wide ? 20 : 12;
  return Array.from({ length: Math.min(entries, Math.ceil(elst.length / entryBytes)) }, (_, index) => {
    const at = 8 + index * entryBytes;
    return wide
      ? { segmentDuration: Number(elst.readBigUInt64BE(at)), mediaTime: Number(elst.readBigInt64BE(at + 8)) }
      : { segmentDuration: elst.readUInt32BE(at), mediaTime: elst.readInt32BE(at + 4) };
  });
}
