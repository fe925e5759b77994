import { expect, test } from "vitest";
import { updateCrc16 } from "../../../../../worker/media/fast-join/crc16.ts";
import { Doubt } from "../../../../../worker/media/fast-join/doubt.ts";
import { buildContents, buildXingFrame } from "../../../../../worker/media/fast-join/xing-frame.ts";
import { parseLameTag } from "../../../../../worker/media/probe/true-length-mp3.ts";

const facts = {
  ...{ frames: 1_000, bytes: 417_000, contents: new Uint8Array(100), bitRate: 128_000, musicCrc: 0x1234 },
  ...{ startSample: 1_105, endSample: 1_150_000 },
};

test("fails when the checksum is not CRC-16 with 0x8005, reflected", () => {
  // The check value of "CRC-16/ARC".
  expect(updateCrc16(0, Buffer.from("123456789"))).toBe(0xbb3d);
  expect(updateCrc16(updateCrc16(0, Buffer.from("1234567")), Buffer.from("89"))).toBe(0xbb3d);
  expect(updateCrc16(updateCrc16(0, Buffer.from("1234")), Buffer.from("56789"))).toBe(0xbb3d);
});

test.each([
  { what: "MPEG-1 stereo", word: 0xfffb9064, samplesPerFrame: 1_152 },
  { what: "MPEG-1 mono", word: 0xfffb90c4, samplesPerFrame: 1_152 },
  { what: "MPEG-2 stereo", word: 0xfff39064, samplesPerFrame: 576 },
  { what: "MPEG-2 mono with CRC", word: 0xfff290c4, samplesPerFrame: 576 },
])("fails when the tag of $what says something else than was told", ({ word, samplesPerFrame }) => {
  const frames = (1_000 * 1_152) / samplesPerFrame;
  const frame = buildXingFrame(word, samplesPerFrame, { ...facts, frames });
  const tag = parseLameTag(Buffer.concat([frame, Buffer.alloc(600)]));
  expect(tag).toEqual({ kind: "lame", startSample: 1_105, samples: 1_150_000 - 1_105, frames });
});

test("fails when a delay that has no room is cut to what has", () => {
  expect(() => buildXingFrame(0xfffb9064, 1_152, { ...facts, startSample: 528 })).toThrow(Doubt);
  expect(() => buildXingFrame(0xfffb9064, 1_152, { ...facts, endSample: 1_140_000 })).toThrow(Doubt);
});

test("fails when the contents do not lead to where the frames are", () => {
  // A quarter of the bytes holds the first half of the frames.
  const contents = buildContents(
    [
      [0, 0],
      [500, 1_000],
    ],
    1_000,
    4_000,
  );
  expect([contents[0], contents[25], contents[50], contents[75]]).toEqual([0, 32, 64, 160]);
});
