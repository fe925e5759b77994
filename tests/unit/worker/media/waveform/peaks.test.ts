import fc from "fast-check";
import { expect, test } from "vitest";
import { createPeaksAccumulator } from "../../../../../worker/media/waveform/peaks.ts";
import { buildPeaksDat, buildPeaksJson, parsePeaksJson } from "../../../../../worker/media/waveform/peaks-file.ts";

const base = { sampleRateHz: 48_000, channels: 1, samplesPerPixel: 2, bits: 16 } as const;
const toBytes = (samples: readonly number[]) => new Uint8Array(Int16Array.from(samples).buffer);

/** The definition, frame by frame, with a division each. */
function naivePeaks(samples: readonly number[], channels: number, samplesPerPixel: number): number[] {
  const mono: number[] = [];
  for (let at = 0; at + channels <= samples.length; at += channels) {
    // Without the sign of a zero, which integers have not.
    mono.push(Math.trunc(samples.slice(at, at + channels).reduce((sum, value) => sum + value, 0) / channels) + 0);
  }
  const pairs: number[] = [];
  for (let at = 0; at < mono.length; at += samplesPerPixel) {
    const pixel = mono.slice(at, at + samplesPerPixel);
    pairs.push(Math.min(...pixel), Math.max(...pixel));
  }
  return pairs;
}

test("fails when a chunk boundary changes the peaks", () => {
  const int16 = fc.integer({ min: -32_768, max: 32_767 });
  fc.assert(
    fc.property(
      fc.array(int16, { maxLength: 400 }),
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 2, max: 9 }),
      fc.boolean(),
      (samples, sizes, channels, samplesPerPixel, asBuffer) => {
        const accumulator = createPeaksAccumulator({ ...base, channels, samplesPerPixel });
        const bytes = asBuffer ? Buffer.from(toBytes(samples)) : toBytes(samples);
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          accumulator.push(bytes.subarray(at, at + size));
          at += size;
        }
        const peaks = accumulator.finish();
        expect([...peaks.data]).toEqual(naivePeaks(samples, channels, samplesPerPixel));
        expect(peaks.length * 2).toBe(peaks.data.length);
      },
    ),
  );
});

test("fails when a chunk of the caller is changed", () => {
  const chunk = Buffer.from(toBytes([1, 2, 3, 4, 5])).subarray(1, 8);
  const copy = Buffer.from(chunk);
  const accumulator = createPeaksAccumulator({ ...base, channels: 2 });
  accumulator.push(chunk);
  accumulator.push(chunk);
  expect(chunk).toEqual(copy);
});

test("fails when 8 bit values are not cut toward zero", () => {
  const accumulator = createPeaksAccumulator({ ...base, bits: 8 });
  accumulator.push(toBytes([-32_768, 32_767, -255, 255, -257, 511]));
  expect([...accumulator.finish().data]).toEqual([-128, 127, 0, 0, -1, 1]);
});

test("fails when full scale overflows in the mono mix", () => {
  const accumulator = createPeaksAccumulator({ ...base, channels: 8 });
  accumulator.push(toBytes([...new Array(8).fill(-32_768), ...new Array(8).fill(32_767)]));
  expect([...accumulator.finish().data]).toEqual([-32_768, 32_767]);
});

test("fails when the JSON differs from audiowaveform's version 2", () => {
  const accumulator = createPeaksAccumulator({ ...base, channels: 2, samplesPerPixel: 512, bits: 8 });
  accumulator.push(toBytes([-2560, -2560, 5120, 5120]));
  expect([...buildPeaksJson(accumulator.finish())].join("")).toBe(
    '{"version":2,"channels":1,"sample_rate":48000,"samples_per_pixel":512,"bits":8,"length":1,"data":[-10,20]}\n',
  );
});

test.each([8, 16] as const)("fails when an independent reader of the %i bit .dat sees other values", (bits) => {
  const accumulator = createPeaksAccumulator({ ...base, sampleRateHz: 44_100, samplesPerPixel: 3, bits });
  accumulator.push(toBytes([-512, 0, 1024, 32_767, -32_768, 256, 5]));
  const peaks = accumulator.finish();
  const dat = Buffer.concat([...buildPeaksDat(peaks)]);
  const header = [dat.readInt32LE(0), dat.readUInt32LE(4), dat.readInt32LE(8), dat.readInt32LE(12)];
  expect(header).toEqual([2, bits === 8 ? 1 : 0, 44_100, 3]);
  expect([dat.readUInt32LE(16), dat.readInt32LE(20)]).toEqual([3, 1]);
  const values = Array.from({ length: 6 }, (_, at) =>
    bits === 8 ? dat.readInt8(24 + at) : dat.readInt16LE(24 + at * 2),
  );
  expect(values).toEqual([...peaks.data]);
  expect(dat.length).toBe(24 + (6 * bits) / 8);
});

test("fails when a document does not survive writing and reading", () => {
  const accumulator = createPeaksAccumulator(base);
  accumulator.push(toBytes([1, -2, 300, 4, 5]));
  const peaks = accumulator.finish();
  expect(parsePeaksJson([...buildPeaksJson(peaks)].join(""))).toEqual(peaks);
});

test.each([
  "",
  "{}",
  '{"version":2,"channels":1,"sample_rate":1,"samples_per_pixel":2,"bits":8,"length":2,"data":[0,0]}',
])("fails when %s is read as peaks", (text) => {
  expect(() => parsePeaksJson(text)).toThrowError(expect.objectContaining({ code: "usage_invalid" }));
});

test("fails when nothing at all is not an empty document", () => {
  expect(createPeaksAccumulator(base).finish()).toMatchObject({ length: 0 });
});

test("fails when a format out of range is taken", () => {
  for (const wrong of [{ samplesPerPixel: 1 }, { samplesPerPixel: 2.5 }, { channels: 0 }, { sampleRateHz: -1 }]) {
    expect(() => createPeaksAccumulator({ ...base, ...wrong })).toThrowError(
      expect.objectContaining({ code: "usage_invalid" }),
    );
  }
});

test("fails when 30 minutes of 48 kHz stereo take a second or more", () => {
  const chunk = Buffer.alloc(65_536, 37);
  const accumulator = createPeaksAccumulator({ ...base, channels: 2, samplesPerPixel: 256 });
  const started = process.cpuUsage();
  for (let bytes = 0; bytes < 1_800 * 48_000 * 4; bytes += chunk.length) accumulator.push(chunk);
  expect(accumulator.finish().length).toBeGreaterThan(337_000);
  expect(process.cpuUsage(started).user / 1e6).toBeLessThan(1);
});
