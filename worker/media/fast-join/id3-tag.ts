import type { ReadAt } from "../probe/true-length-mp4.ts";
import { Doubt } from "./doubt.ts";

/** What of the tags in front of an mp3 goes on into a joined file. */
export interface Id3Tag {
  /** First byte behind it. */
  readonly endsAt: number;
  /** 3 or 4: how its frames are written. */
  readonly version: number;
  /** Whole frames with their headers, of those that speak of the work and not of one file. */
  readonly kept: readonly Buffer[];
  readonly hasPicture: boolean;
}

/** Title, artists, album, composer, genre, dates, language, comment, copyright, publisher (id3.org, ID3v2.3 section 4). */
const keptIds = new Set("TIT2 TPE1 TPE2 TALB TCOM TCON TDRC TYER TDAT TLAN COMM TCOP TPUB".split(" "));
const longestKept = 8_192;
const mostFrames = 1_000;

/** Reads the ID3v2 tags at the head; a tag whose bytes would have to be undone first is a `Doubt`. */
export async function readId3Tag(read: ReadAt): Promise<Id3Tag> {
  let tag: Id3Tag = { endsAt: 0, version: 3, kept: [], hasPicture: false };
  for (let count = 0; ; count++) {
    const head = await read(tag.endsAt, 10);
    if (head.length < 10 || head.toString("latin1", 0, 3) !== "ID3") return tag;
    const [version = 0, , flags = 0] = head.subarray(3);
    if (count === 4 || (version !== 3 && version !== 4)) throw new Doubt("has ID3 tags of an unusual kind");
    // Unsynchronisation, extended header, experimental.
    if ((flags & 0xe0) !== 0) throw new Doubt("has an ID3 tag whose bytes are altered");
    const from = tag.endsAt + 10;
    const size = readSyncsafe(head, 6);
    const found = await readFrames(read, from, from + size, version);
    const endsAt = from + size + ((flags & 0x10) !== 0 ? 10 : 0);
    tag = {
      endsAt,
      hasPicture: tag.hasPicture || found.hasPicture,
      ...(tag.kept.length > 0 ? { version: tag.version, kept: tag.kept } : { version, kept: found.kept }),
    };
  }
}

async function readFrames(read: ReadAt, from: number, to: number, version: number) {
  const kept: Buffer[] = [];
  let hasPicture = false;
  for (let at = from, count = 0; at + 10 <= to; count++) {
    const head = await read(at, 10);
    const id = head.toString("latin1", 0, 4);
    // Padding.
    if (id === "\0\0\0\0") break;
    if (!/^[A-Z0-9]{4}$/.test(id) || count === mostFrames) throw new Doubt("has a damaged ID3 tag");
    const size = version === 4 ? readSyncsafe(head, 4) : head.readUInt32BE(4);
    if (at + 10 + size > to) throw new Doubt("has a damaged ID3 tag");
    if (id === "APIC") hasPicture = true;
    const plain = head[9] === 0;
    if (keptIds.has(id) && plain && size <= longestKept) kept.push(await read(at, 10 + size));
    at += 10 + size;
  }
  return { kept, hasPicture };
}

/** Four bytes of seven bits. */
const readSyncsafe = (bytes: Buffer, at: number): number =>
  [0, 1, 2, 3].reduce((sum, byte) => sum * 128 + ((bytes[at + byte] ?? 0) & 0x7f), 0);

/** A tag of these frames; empty where there are none. */
export function buildId3Tag({ version, kept }: Pick<Id3Tag, "version" | "kept">): Buffer {
  if (kept.length === 0) return Buffer.alloc(0);
  const size = kept.reduce((sum, frame) => sum + frame.length, 0);
  const head = Buffer.from([0x49, 0x44, 0x33, version, 0, 0, ...[21, 14, 7, 0].map((shift) => (size >> shift) & 0x7f)]);
  return Buffer.concat([head, ...kept]);
}

/** The old tag's fields (128 bytes at the end of a file), as frames of version 3. */
export function convertId3v1(tag: Buffer): readonly Buffer[] {
  const text = (from: number, length: number): string =>
    (tag.toString("latin1", from, from + length).split("\0")[0] ?? "").trim();
  const fields: [string, string][] = [
    ["TIT2", text(3, 30)],
    ["TPE1", text(33, 30)],
    ["TALB", text(63, 30)],
    ["TYER", text(93, 4)],
  ];
  const frames = fields.filter(([, value]) => value !== "").map(([id, value]) => buildTextFrame(id, `\0${value}`));
  const comment = text(97, 28);
  // Language and an empty description go before a comment.
  return comment === "" ? frames : [...frames, buildTextFrame("COMM", `\0eng\0${comment}`)];
}

function buildTextFrame(id: string, content: string): Buffer {
  const body = Buffer.from(content, "latin1");
  const head = Buffer.alloc(10);
  head.write(id, "latin1");
  head.writeUInt32BE(body.length, 4);
  return Buffer.concat([head, body]);
}
