import { buildMp3Header, type Mp3Header } from "./mp3-header.ts";
import { parseMp3SideInfo } from "./mp3-side-info.ts";
import { mayFollow, requireHeader } from "./mp3-splice.ts";

/** Frames one behind the other, the first of them output frame `at`. */
export interface Stretch {
  readonly at: number;
  readonly frames: readonly Buffer[];
}

export interface StretchJoin {
  /** The first frame of the right stretch. */
  readonly frame: number;
  /** The left stretch's last frame, made larger where the right one leans on more than was left free; else as it is. */
  readonly last: Buffer;
}

/**
 * Where `right` may go on for `left`, from frame `least` on and before `end`; null when nowhere. Both were encoded of the
 * same sound on the same grid, so windows fit at most frames. The right frame leans on bytes before it: where the left
 * one's frame there leans on as many, they were left free (ISO/IEC 11172-3, 2.4.2.7); else the frame before is given a
 * higher bit rate, of the least that holds what is missing.
 */
export function findJoin(left: Stretch, right: Stretch, least: number, end: number): StretchJoin | null {
  let best: (StretchJoin & { readonly missing: number }) | null = null;
  // The later, the further lies the right one's begin behind it.
  for (let frame = end - 1; frame >= least; frame--) {
    const [last, free, after] = [get(left, frame - 1), get(left, frame), get(right, frame)];
    if (last === undefined || free === undefined || after === undefined || !mayFollow(last, after)) continue;
    const wanted = readBegin(after);
    if (gather(right, frame, wanted).length < wanted) continue;
    const missing = Math.max(0, wanted - readBegin(free));
    if (best !== null && best.missing <= missing) continue;
    const larger = missing === 0 ? last : enlarge(last, missing);
    if (larger !== null) best = { frame, last: larger, missing };
    if (missing === 0) break;
  }
  return best;
}

/** The left frames up to the join; what the right one leans on is written into what they left free. */
export function closeLeft(left: Stretch, right: Stretch, { frame, last }: StretchJoin): Buffer[] {
  const closed = [...left.frames.slice(0, frame - 1 - left.at), last];
  let rest = gather(right, frame, readBegin(get(right, frame) as Buffer));
  for (let at = closed.length - 1; rest.length > 0; at--) {
    const target = closed[at];
    if (target === undefined) throw new RangeError("the left stretch is shorter than a reservoir");
    const area = target.subarray(requireHeader(target).mainAt);
    const part = Math.min(area.length, rest.length);
    rest.copy(area, area.length - part, rest.length - part);
    rest = rest.subarray(0, rest.length - part);
  }
  return closed;
}

/** The frame with `missing` bytes more behind its main data; null when no bit rate has them. */
function enlarge(frame: Buffer, missing: number): Buffer | null {
  const header: Mp3Header = requireHeader(frame);
  const found = header.hasCrc ? null : buildMp3Header(frame.readUInt32BE(0), frame.length + missing);
  if (found === null) return null;
  const larger = Buffer.alloc(found.bytes);
  frame.copy(larger);
  larger.writeUInt32BE(found.word);
  return larger;
}

const get = ({ at, frames }: Stretch, frame: number): Buffer | undefined => frames[frame - at];

const readBegin = (frame: Buffer): number => parseMp3SideInfo(frame, requireHeader(frame)).mainDataBegin;

/** The last `wanted` bytes of main data before a frame's own part; fewer where the stretch begins behind them. */
function gather(stretch: Stretch, frame: number, wanted: number): Buffer {
  const areas: Buffer[] = [];
  let bytes = 0;
  for (let at = frame - 1; bytes < wanted; at--) {
    const before = get(stretch, at);
    if (before === undefined) break;
    const area = before.subarray(requireHeader(before).mainAt);
    areas.unshift(area);
    bytes += area.length;
  }
  const whole = Buffer.concat(areas);
  return whole.subarray(Math.max(0, whole.length - wanted));
}
