import { buildMp3Header, type Mp3Header, parseMp3Header, reservoirBytes } from "./mp3-header.ts";
import { parseMp3SideInfo, windowsFit, writeMainDataBegin } from "./mp3-side-info.ts";

interface Part {
  readonly frame: Buffer;
  readonly header: Mp3Header;
  readonly data: Buffer;
}

/**
 * Lays the seam's main data, and behind it what the frame after the seam still needs of its own stream, into frames of
 * the least bit rates that hold them: main data is one stream, whatever frames carry it, as long as each frame begins
 * at most `main_data_begin`'s range before its own part (ISO/IEC 11172-3, 2.4.3.4.2). Null when there is no room.
 */
export function packSeam(made: readonly Buffer[], from: number, to: number, reservoir: Buffer): Buffer[] | null {
  const parts = readParts(made).slice(from, to);
  const places = placeAreas(parts, reservoir.length);
  if (places === null) return null;
  const total = places.reduce((sum, { area }) => sum + area, 0);
  const stream = Buffer.alloc(total);
  reservoir.copy(stream, total - reservoir.length);
  let end = total - reservoir.length;
  let areaStart = total;
  const begins = new Array<number>(parts.length).fill(0);
  for (let index = parts.length - 1; index >= 0; index--) {
    const { data, header } = parts[index] as Part;
    areaStart -= places[index]?.area ?? 0;
    const start = Math.min(areaStart, end - data.length);
    if (start < 0 || areaStart - start > reservoirBytes(header.samplesPerFrame)) return null;
    begins[index] = areaStart - start;
    data.copy(stream, start);
    end = start;
  }
  let at = 0;
  return parts.map(({ frame, header }, index) => {
    const { word, area } = places[index] as { word: number; area: number };
    const side = header.mainAt - header.sideAt;
    const packed = Buffer.alloc(4 + side + area);
    packed.writeUInt32BE(word);
    frame.copy(packed, 4, header.sideAt, header.mainAt);
    writeMainDataBegin(packed, 4, header.samplesPerFrame, begins[index] ?? 0);
    stream.copy(packed, 4 + side, at, at + area);
    at += area;
    return packed;
  });
}

/** How much each frame has to carry: its own data, and what finds no room in the next. */
function placeAreas(parts: readonly Part[], reservoir: number): { word: number; area: number }[] | null {
  const places: { word: number; area: number }[] = [];
  let carried = reservoir;
  for (const { frame, header, data } of parts.toReversed()) {
    const fixed = 4 + header.mainAt - header.sideAt;
    const wanted = data.length + carried;
    const word = frame.readUInt32BE(0);
    const chosen = buildMp3Header(word, fixed + wanted) ?? buildMp3Header(word, largestBytes(header));
    if (chosen === null) return null;
    const area = chosen.bytes - fixed;
    carried = Math.max(0, wanted - area);
    places.unshift({ word: chosen.word, area });
  }
  return carried > 0 ? null : places;
}

/** Of a frame without padding, at the highest bit rate. */
const largestBytes = ({ samplesPerFrame, sampleRateHz }: Mp3Header): number =>
  Math.floor((samplesPerFrame === 1152 ? 144 * 320_000 : 72 * 160_000) / sampleRateHz);

function readParts(frames: readonly Buffer[]): Part[] {
  const headers = frames.map((frame) => requireHeader(frame));
  const areas = Buffer.concat(frames.map((frame, index) => frame.subarray(headers[index]?.mainAt ?? 0)));
  let areaStart = 0;
  return frames.map((frame, index) => {
    const header = headers[index] as Mp3Header;
    const { mainDataBegin, mainDataBits } = parseMp3SideInfo(frame, header);
    const from = Math.max(0, areaStart - mainDataBegin);
    areaStart += frame.length - header.mainAt;
    return { frame, header, data: areas.subarray(from, from + Math.ceil(mainDataBits / 8)) };
  });
}

export function requireHeader(frame: Buffer): Mp3Header {
  const header = parseMp3Header(frame, 0);
  if (header === null) throw new RangeError("an encoder gave something that is no mp3 frame");
  return header;
}

/** The bytes before frame `index` on which it leans; null when they are not all among `frames`. */
export function collectReservoir(frames: readonly Buffer[], index: number): Buffer | null {
  const frame = frames[index];
  if (frame === undefined) return null;
  const wanted = parseMp3SideInfo(frame, requireHeader(frame)).mainDataBegin;
  const areas: Buffer[] = [];
  let bytes = 0;
  for (let at = index - 1; at >= 0 && bytes < wanted; at--) {
    const before = frames[at] as Buffer;
    const area = before.subarray(requireHeader(before).mainAt);
    areas.unshift(area);
    bytes += area.length;
  }
  return bytes < wanted ? null : Buffer.concat(areas).subarray(bytes - wanted);
}

/** Whether `after` may stand behind `before` as far as their transforms' windows go. */
export function mayFollow(before: Buffer, after: Buffer): boolean {
  const left = parseMp3SideInfo(before, requireHeader(before)).last;
  const right = parseMp3SideInfo(after, requireHeader(after)).first;
  return windowsFit(left, right);
}

/** A frame of silence, of the stream to which `word` belongs. */
export function buildSilentMp3Frame(word: number): Buffer {
  const plain = Buffer.alloc(4);
  plain.writeUInt32BE((word | 0x1_0000) >>> 0);
  const least = buildMp3Header(word, requireHeader(plain).mainAt);
  const frame = Buffer.alloc(least?.bytes ?? 0);
  if (least !== null) frame.writeUInt32BE(least.word);
  return frame;
}
