import { expect, test } from "vitest";
import { countMissingOfAdts, countMissingOfPage } from "../../../../../worker/media/probe/missing-tail.ts";

const page = (bodies: readonly number[]): Buffer => {
  const head = Buffer.alloc(27 + bodies.length);
  head.write("OggS", 0, "latin1");
  head[26] = bodies.length;
  for (const [index, size] of bodies.entries()) head[27 + index] = size;
  return Buffer.concat([
    head,
    Buffer.alloc(
      bodies.reduce((sum, size) => sum + size, 0),
      0x55,
    ),
  ]);
};

test("fails when an Ogg file that ends inside a page is called whole, or a whole one cut", () => {
  const whole = Buffer.concat([page([255, 10]), page([200, 30])]);
  expect(countMissingOfPage(whole)).toBe(0);
  const last = page([200, 30]).length;
  for (let missing = 1; missing < last - 4; missing++) {
    expect(countMissingOfPage(whole.subarray(0, -missing))).toBeGreaterThan(0);
  }
  expect(countMissingOfPage(whole.subarray(0, -last))).toBe(0);
  expect(countMissingOfPage(whole.subarray(0, -100))).toBe(100);
});

test("fails when the letters of a page inside a packet are taken for one", () => {
  const tricky = page([100]);
  tricky.write("OggS\x01", 60, "latin1");
  expect(countMissingOfPage(tricky)).toBe(0);
});

const frame = (length: number): Buffer => {
  const bytes = Buffer.alloc(length, 0x21);
  bytes.set([0xff, 0xf1, 0x50, 0x80 | (length >> 11), (length >> 3) & 0xff, ((length & 7) << 5) | 0x1f, 0xfc]);
  return bytes;
};

test("fails when a bare AAC that ends inside a frame is called whole, or a whole one cut", () => {
  const frames = [300, 257, 310, 290, 305].map(frame);
  const whole = Buffer.concat(frames);
  expect(countMissingOfAdts(whole)).toBe(0);
  expect(countMissingOfAdts(whole.subarray(100))).toBe(0);
  for (let missing = 1; missing <= 298; missing++) {
    expect(countMissingOfAdts(whole.subarray(0, -missing))).toBe(missing);
  }
  expect(countMissingOfAdts(Buffer.concat([whole, Buffer.from("TAG".padEnd(128))]))).toBe(0);
});
