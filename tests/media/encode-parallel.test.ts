import { appendFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type EncodeRequest, encodeVerified } from "../../worker/media/encode/encode.ts";
import { encodeInStretches, encodeOnCores } from "../../worker/media/encode/encode-parallel.ts";
import { leastStretchFrames, type StretchPlan } from "../../worker/media/encode/mp3-stretches.ts";
import { parseLameTag } from "../../worker/media/probe/true-length-mp3.ts";
import { decode, ffmpeg } from "./media-fixtures.ts";
import { type Shape, seconds, shapes, useStretchFixtures } from "./stretch-fixtures.ts";

const { fixtures, nameOf, buildRequest } = useStretchFixtures();
const samplesPerFrame = ({ sampleRateHz }: Shape): number => (sampleRateHz >= 32_000 ? 1152 : 576);

/** dB of what an encoder left wrong between two samples, its own gain aside; and the largest step from sample to sample. */
function judge(
  encoded: Float32Array,
  original: Float32Array,
  gain: number,
  channels: number,
  from: number,
  to: number,
) {
  let [sum, step] = [0, 0];
  for (let at = from * channels; at < to * channels; at++) {
    sum += ((encoded[at] ?? 0) - gain * (original[at] ?? 0)) ** 2;
    if (at >= channels) step = Math.max(step, Math.abs((encoded[at] ?? 0) - (encoded[at - channels] ?? 0)));
  }
  return { errorDb: 10 * Math.log10(sum / ((to - from) * channels) + 1e-15), step };
}

function findGain(encoded: Float32Array, original: Float32Array): number {
  let [with_, own] = [0, 0];
  for (let at = 0; at < original.length; at++) {
    with_ += (encoded[at] ?? 0) * (original[at] ?? 0);
    own += (original[at] ?? 0) ** 2;
  }
  return with_ / own;
}

async function compare(
  shape: Shape,
  how: StretchPlan,
  encode = (open: () => EncodeRequest) => encodeInStretches(open(), how),
): Promise<void> {
  const { stretchFrames } = how;
  const serial = await encodeVerified(buildRequest(shape, "serial.mp3"));
  const parallel = await encode(() => buildRequest(shape, "parallel.mp3"));
  const { channels } = shape;
  expect(parallel.reading.frames).toBe(serial.reading.frames);
  const lufs = parallel.reading.integratedLufs ?? 0;
  expect(Math.abs(lufs - (serial.reading.integratedLufs ?? 9))).toBeLessThan(0.05);
  const [tag, expected] = ["parallel.mp3", "serial.mp3"].map((name) => parseLameTag(readFileSync(fixtures.file(name))));
  expect(tag).toEqual(expected);
  expect(tag).toMatchObject({ kind: "lame", samples: serial.reading.frames });
  const [was, is] = [await decode(fixtures.file("serial.mp3")), await decode(fixtures.file("parallel.mp3"))];
  const bytes = readFileSync(nameOf(shape));
  const original = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  expect(is).toHaveLength(was.length);
  expect(is).toHaveLength(original.length);
  const gain = findGain(was, original);
  const both = (from: number, to: number) =>
    [was, is].map((one) => judge(one, original, gain, channels, from, to)) as [
      ReturnType<typeof judge>,
      ReturnType<typeof judge>,
    ];
  const frames = original.length / channels;
  const [all, mine] = both(0, frames);
  expect(mine.errorDb).toBeLessThanOrEqual(all.errorDb + 1);
  expect(mine.step).toBeLessThanOrEqual(all.step * 1.05);
  const size = samplesPerFrame(shape);
  for (let seam = stretchFrames; (seam + 12) * size < frames; seam += stretchFrames) {
    const [there, here] = both((seam - 12) * size, (seam + 12) * size);
    expect(here.errorDb, `at frame ${seam}`).toBeLessThanOrEqual(there.errorDb + 3);
    // A seam of one frame is lost in the mean of many.
    for (let frame = seam - 10; frame < seam + 10; frame++) {
      const [old, fresh] = both(frame * size - 1_105, (frame + 1) * size - 1_105);
      expect(fresh.errorDb, `in frame ${frame}`).toBeLessThanOrEqual(Math.max(old.errorDb, there.errorDb) + 6);
    }
  }
}

test.each(shapes)(
  "fails when $channels channels at $sampleRateHz Hz and $bitRate bit/s are worse of several encoders than of one",
  (shape) => compare(shape, { lanes: 2, stretchFrames: 150 }),
);

test("fails when the place of the cuts or the number of encoders is heard", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: leastStretchFrames, max: 500 }),
      fc.integer({ min: 2, max: 4 }),
      fc.constantFrom(...shapes),
      (stretchFrames, lanes, shape) => {
        const how = { lanes, stretchFrames };
        // At the highest bit rate a cut may have no place to join at: then one encoder does it all.
        return compare(shape, how, (open) => encodeOnCores(open, { choose: () => how }));
      },
    ),
    { numRuns: 4, endOnFailure: true },
  );
}, 60_000);

test("fails when stretches of a file that is still being written come out otherwise than those of a stream", async () => {
  const [shape] = shapes as [Shape];
  const { sampleRateHz, channels } = shape;
  const how = { lanes: 3, stretchFrames: 150 };
  await encodeInStretches(buildRequest(shape, "stream.mp3"), how);
  const bytes = readFileSync(nameOf(shape));
  const path = fixtures.file("growing.f32");
  const all = bytes.length / 4 / channels;
  let there = 0;
  // A second at a time, and only when somebody waits for it.
  const waitFor = async (frames: number) => {
    for (; there < Math.min(frames, all); there = Math.min(all, there + sampleRateHz)) {
      await setTimeout(1);
      appendFileSync(path, bytes.subarray(there * 4 * channels, (there + sampleRateHz) * 4 * channels));
    }
    return there;
  };
  const growing = { file: { path, sampleRateHz, channels, channelLayout: null }, waitFor };
  await encodeInStretches(buildRequest(shape, "file.mp3", { source: { growing, sampleRateHz, channels } }), how);
  expect(readFileSync(fixtures.file("file.mp3")).equals(readFileSync(fixtures.file("stream.mp3")))).toBe(true);
  // What the stream was kept in is gone.
  expect(readdirSync(dirname(path)).filter((name) => name.startsWith("stretch-"))).toEqual([]);
});

test("fails when tags, cover or chapters are lost, or a cover hides the gapless numbers", async () => {
  const [shape] = shapes as [Shape];
  await ffmpeg("-v", "error", "-f", "lavfi", "-i", "color=red:s=600x600", "-frames:v", "1", fixtures.file("cover.png"));
  writeFileSync(
    fixtures.file("meta.txt"),
    ";FFMETADATA1\ntitle=Tea\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=9000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=9000\nEND=26000\ntitle=Two\n",
  );
  const extra: Partial<EncodeRequest> = {
    extraInputArgs: ["-i", fixtures.file("meta.txt"), "-i", fixtures.file("cover.png")],
    extraOutputArgs: [
      "-map",
      "2:0",
      "-c:v",
      "copy",
      "-disposition:v:0",
      "attached_pic",
      "-map_metadata",
      "1",
      "-map_chapters",
      "1",
    ],
    decodeAfterwards: true,
  };
  await encodeInStretches(buildRequest(shape, "tags.mp3", extra), { lanes: 2, stretchFrames: 150 });
  await encodeVerified(buildRequest(shape, "tags-serial.mp3", extra));
  const [was, is] = await Promise.all(["tags-serial.mp3", "tags.mp3"].map((name) => describe(fixtures.file(name))));
  expect(is).toContain("title");
  expect(is).toContain("Two");
  expect(is).toContain("attached pic");
  expect(is).toBe(was);
  expect((await decode(fixtures.file("tags.mp3"), "-map", "0:a")).length).toBe(seconds * shape.sampleRateHz * 2);
});

/** What ffmpeg says of a file's streams, tags and chapters, sizes aside. */
async function describe(path: string): Promise<string> {
  const said = await ffmpeg("-i", path, "-map", "0:a", "-f", "null", "-");
  return said.slice(said.indexOf("Metadata:"), said.indexOf("Stream mapping:")).replace(/bitrate: \d+|encoder.*/g, "");
}

test("fails when a sound that ends near a cut loses its end", async () => {
  const [shape] = shapes as [Shape];
  const bytes = readFileSync(nameOf(shape));
  for (const frames of [150 - 9, 150 + 1, 150 + 11.5, 150 + 12, 150 + 13, 300 + 12]) {
    const samples = Math.round(frames * 1152);
    const { sampleRateHz, channels } = shape;
    const pcm = () => Readable.from([bytes.subarray(0, samples * 8)], { objectMode: false });
    const source = () => ({ source: { pcm: pcm(), sampleRateHz, channels }, expectedFrames: samples });
    await encodeInStretches(buildRequest(shape, "end.mp3", source()), { lanes: 3, stretchFrames: 150 });
    await encodeVerified(buildRequest(shape, "end-serial.mp3", source()));
    const [tag, expected] = ["end.mp3", "end-serial.mp3"].map((name) =>
      parseLameTag(readFileSync(fixtures.file(name))),
    );
    expect(tag).toEqual(expected);
    expect((await decode(fixtures.file("end.mp3"))).length).toBe(samples * 2);
  }
});
