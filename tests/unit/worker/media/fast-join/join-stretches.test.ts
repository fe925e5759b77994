import { expect, test } from "vitest";
import { closeLeft, findJoin } from "../../../../../worker/media/fast-join/join-stretches.ts";
import { parseMp3SideInfo } from "../../../../../worker/media/fast-join/mp3-side-info.ts";
import { requireHeader } from "../../../../../worker/media/fast-join/mp3-splice.ts";

/** MPEG-1 layer III, 44.1 kHz, stereo, without CRC or padding; 128 and 320 kbit/s. */
const [usual, highest] = [0xfffb_9064, 0xfffb_e064];

/** Main data of `fill`, beginning `begin` bytes early; with start blocks in its last granule where `startsShort`. */
function buildFrame(word: number, fill: number, begin: number, startsShort = false): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(word);
  const { bytes, mainAt, sideAt } = requireHeader(head);
  const frame = Buffer.alloc(bytes, fill);
  head.copy(frame);
  frame.fill(0, sideAt, mainAt);
  frame[sideAt] = begin >> 1;
  frame[sideAt + 1] = (begin & 1) << 7;
  if (startsShort) {
    // Second granule: 20 bits before its two parts of 59 bits; in each the switching flag follows upon 33.
    for (const channel of [0, 1]) setBits(frame, sideAt * 8 + 20 + 2 * 59 + channel * 59 + 33, [1, 0, 1]);
  }
  return frame;
}

function setBits(frame: Buffer, from: number, bits: readonly number[]): void {
  for (const [at, bit] of bits.entries()) {
    const place = from + at;
    frame[place >> 3] = (frame[place >> 3] ?? 0) | (bit << (7 - (place & 7)));
  }
}

const run = (word: number, fill: number, begins: readonly number[], startsShort = false) => ({
  at: 10,
  frames: begins.map((begin) => buildFrame(word, fill, begin, startsShort)),
});

const beginOf = (frame: Buffer): number => parseMp3SideInfo(frame, requireHeader(frame)).mainDataBegin;
const areaOf = (frame: Buffer): Buffer => frame.subarray(requireHeader(frame).mainAt);

test("fails when the last boundary at which enough was left free is not taken", () => {
  const left = run(usual, 1, [0, 100, 300, 200, 50]);
  const right = run(usual, 2, [0, 90, 250, 150, 60]);
  const join = findJoin(left, right, 11, 15);
  expect(join).toMatchObject({ frame: 13, last: left.frames[2] });
});

test("fails when bytes that the right frame leans on are not all in front of it, over several frames too", () => {
  const left = run(usual, 1, [0, 0, 0, 511]);
  const right = run(usual, 2, [0, 0, 0, 500]);
  const join = findJoin(left, right, 13, 14);
  if (join === null) throw new Error("these fit");
  const closed = closeLeft(left, right, join);
  expect(closed).toHaveLength(3);
  const main = Buffer.concat(closed.map(areaOf));
  expect(main.subarray(-500).every((byte) => byte === 2)).toBe(true);
  expect(main.subarray(0, -500).every((byte) => byte === 1)).toBe(true);
  expect(closed.map((frame) => frame.subarray(0, 36))).toEqual(
    left.frames.slice(0, 3).map((one) => one.subarray(0, 36)),
  );
});

test("fails when a frame is not made larger where too little was left free, or its own data is overwritten", () => {
  const left = run(usual, 1, [0, 40, 40, 40]);
  const right = run(usual, 2, [0, 300, 200, 290]);
  const join = findJoin(left, right, 11, 14);
  if (join === null) throw new Error("a higher bit rate has room");
  expect(join.frame).toBe(12);
  const last = closeLeft(left, right, join).at(-1) as Buffer;
  const [before] = left.frames.slice(1, 2) as [Buffer];
  expect(requireHeader(last).bytes).toBe(last.length);
  expect(last.length).toBeGreaterThanOrEqual(before.length + 160);
  expect(beginOf(last)).toBe(beginOf(before));
  // Of the left one's area the 40 bytes at its end were free.
  const own = areaOf(before).length - 40;
  expect(areaOf(last).subarray(0, own)).toEqual(areaOf(before).subarray(0, own));
  expect(
    areaOf(last)
      .subarray(-200)
      .every((byte) => byte === 2),
  ).toBe(true);
});

test("fails when frames are joined whose windows differ, or which no bit rate has room for", () => {
  expect(findJoin(run(usual, 1, [0, 9, 9], true), run(usual, 2, [0, 9, 9]), 11, 13)).toBeNull();
  expect(findJoin(run(highest, 1, [0, 9, 9]), run(highest, 2, [0, 10, 10]), 11, 13)).toBeNull();
});

test("fails when a right frame is taken whose reservoir begins before its stretch", () => {
  const word = 0xfffb_1064;
  expect(findJoin(run(word, 1, [0, 400, 400]), run(word, 2, [0, 400, 400]), 11, 13)).toBeNull();
});
