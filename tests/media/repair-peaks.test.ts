import { readFileSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { encodeVerified } from "../../worker/media/encode/encode.ts";
import { buildEncoderPlan } from "../../worker/media/encode/encoder-plan.ts";
import { updateCrc16 } from "../../worker/media/fast-join/crc16.ts";
import { parseMp3Header } from "../../worker/media/fast-join/mp3-header.ts";
import { lowerGranules } from "../../worker/media/master/lower-granules.ts";
import { repairPeaks } from "../../worker/media/master/repair-peaks.ts";
import { decode, ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
beforeAll(async () => {
  await speak(
    "Peaks that a codec throws over the ceiling are few, and are taken back one by one.",
    fixtures.file("voice.wav"),
  );
});

const shapes = [
  { sampleRateHz: 44_100, channels: 1, bitRate: 64_000 },
  { sampleRateHz: 48_000, channels: 2, bitRate: 96_000 },
  { sampleRateHz: 22_050, channels: 1, bitRate: 32_000 },
  { sampleRateHz: 22_050, channels: 2, bitRate: 48_000 },
];

/** Speech limited hard, so that the codec throws peaks over. */
function buildRequest({ sampleRateHz, channels, bitRate }: (typeof shapes)[number], out: string) {
  const inputArgs = ["-i", fixtures.file("voice.wav")];
  return {
    toolchain: fixtures.toolchain,
    source: { inputArgs, sampleRateHz, channels },
    filter: `aresample=${sampleRateHz},aformat=channel_layouts=${channels === 1 ? "mono" : "stereo"},volume=9dB,alimiter=limit=0.89:level=0:latency=1`,
    plan: buildEncoderPlan("mp3", { sampleRateHz, channels, bitRate }),
    outPath: fixtures.file(out),
  };
}

test.each(shapes)(
  "fails when a peak stays over its ceiling, or other sound changes ($sampleRateHz Hz, $channels)",
  async (shape) => {
    const request = buildRequest(shape, `${shape.sampleRateHz}-${shape.channels}.mp3`);
    const loudest = await encodeVerified(request);
    const before = await decode(request.outPath);
    const bytes = readFileSync(request.outPath).length;
    // So low that a handful of peaks pass it.
    const ceilingDbtp = (loudest.reading.truePeakDbtp ?? 0) - 0.2;
    const first = await encodeVerified({ ...request, ceilingDbtp });
    const { reading } = await repairPeaks(request, first, ceilingDbtp);
    expect(reading.truePeakDbtp).toBeLessThanOrEqual(ceilingDbtp);
    expect(reading.truePeakDbtp).toBeGreaterThan(ceilingDbtp - 1.6);
    expect(Math.abs((reading.integratedLufs ?? 0) - (first.reading.integratedLufs ?? 0))).toBeLessThan(0.4);
    const after = await decode(request.outPath);
    expect(after.length).toBe(before.length);
    expect(readFileSync(request.outPath).length).toBe(bytes);
    const changed = after.filter((sample, at) => sample !== before[at]).length / after.length;
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThan(0.35);
    const louder = after.reduce((most, sample, at) => Math.max(most, Math.abs(sample) - Math.abs(before[at] ?? 0)), 0);
    expect(louder).toBeLessThan(0.1);
  },
);

test("fails when the checksum in LAME's tag is that of the old frames", async () => {
  const shape = { sampleRateHz: 44_100, channels: 1, bitRate: 64_000 };
  const request = buildRequest(shape, "tagged.mp3");
  await encodeVerified(request);
  const readCrc = () => {
    const file = readFileSync(request.outPath);
    let at = file.indexOf("Info");
    if (at < 0) at = file.indexOf("Xing");
    const start = file.lastIndexOf(Buffer.from([0xff, 0xfb]), at);
    const size = parseMp3Header(file, start)?.bytes ?? 0;
    return { kept: file.readUInt16BE(at + 152), real: updateCrc16(0, file.subarray(start + size)) };
  };
  const old = readCrc();
  expect(old.kept).toBe(old.real);
  expect(await lowerGranules(request.outPath, new Map([[20, 1]]))).toBe(true);
  const now = readCrc();
  expect(now.real).not.toBe(old.real);
  expect(now.kept).toBe(now.real);
});

test("fails when a granule is turned down by another step than 1.5 dB, or at another place", async () => {
  await ffmpeg(
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "sine=f=1000:d=2:r=44100",
    "-b:a",
    "128k",
    fixtures.file("tone.mp3"),
  );
  const before = await decode(fixtures.file("tone.mp3"));
  // Granules 60 to 79 begin at sample 60 * 576 - 1105.
  await lowerGranules(fixtures.file("tone.mp3"), new Map(Array.from({ length: 20 }, (_, index) => [60 + index, 2])));
  const after = await decode(fixtures.file("tone.mp3"));
  const power = (samples: Float32Array, from: number) =>
    samples.subarray(from, from + 576).reduce((sum, sample) => sum + sample ** 2, 0);
  const changeDb = (granule: number) => {
    const from = granule * 576 - 1_105;
    return 10 * Math.log10(power(after, from) / power(before, from));
  };
  expect(changeDb(70)).toBeCloseTo(-3.01, 1);
  expect(changeDb(58)).toBeCloseTo(0, 3);
  expect(changeDb(84)).toBeCloseTo(0, 3);
});
