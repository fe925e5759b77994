import { readFile, truncate, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { buildPcmDecodeArgs } from "../../worker/media/pcm/pcm-decode-args.ts";
import { probeMedia } from "../../worker/media/probe/probe.ts";
import { readTrueLength, type TrueLength } from "../../worker/media/probe/true-length.ts";
import { startFfmpeg } from "../../worker/process/run-ffmpeg.ts";
import { ffmpeg, useMediaFixtures, writeSamples } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const clickEvery = 7919;

/** Noise bursts of 32 samples, whose places can be found again after a lossy codec; first and last near the ends. */
function makeClicks(length: number): { samples: Float32Array; places: number[] } {
  const samples = new Float32Array(length);
  const places: number[] = [];
  for (let at = 300; at + 300 < length; at += clickEvery) {
    places.push(at);
    for (let tap = 0; tap < 32; tap++) samples[at + tap] = 0.8 * Math.sin((tap + 1) * (tap + 1) * 0.05);
  }
  return { samples, places };
}

async function writeClicks(path: string, sampleRateHz: number, length: number): Promise<number[]> {
  const { samples, places } = makeClicks(length);
  await writeSamples(path, samples, { sampleRateHz, channels: 1 }, "-c:a", "pcm_s16le");
  return places;
}

async function decodeTruly(path: string): Promise<{ samples: Float32Array; length: TrueLength; sampleRateHz: number }> {
  const media = await probeMedia(fixtures.toolchain, path, "input");
  const [stream] = media.audio;
  if (stream === undefined) throw new Error("no audio stream");
  const length = await readTrueLength(media);
  const target = { sampleRateHz: stream.sampleRateHz, channels: 1, channelLayout: "mono" };
  const args = buildPcmDecodeArgs({ media, stream, trueLength: length, target, gainDb: 0 });
  const child = startFfmpeg(fixtures.toolchain, args);
  const bytes = new Uint8Array(Buffer.concat(await child.stdout.toArray()));
  await child.done;
  return { samples: new Float32Array(bytes.buffer), length, sampleRateHz: stream.sampleRateHz };
}

/** How far the bursts of `decoded` lie from where they were, by the best correlation within ±40 samples. */
function findShifts(decoded: Float32Array, places: readonly number[]): number[] {
  const burst = makeClicks(400 + 300).samples.subarray(300, 332);
  return places.map((place) => {
    let best = { shift: Number.NaN, match: 0 };
    for (let shift = -40; shift <= 40; shift++) {
      let match = 0;
      for (const [tap, value] of burst.entries()) match += value * (decoded[place + shift + tap] ?? 0);
      if (match > best.match) best = { shift, match };
    }
    return best.shift;
  });
}

interface Codec {
  readonly name: string;
  readonly args: readonly string[];
  readonly extension: string;
  readonly source: TrueLength["source"];
  readonly rates: readonly number[];
}
const all = [16_000, 22_050, 44_100, 48_000];
const codecs: readonly Codec[] = [
  { name: "wav", args: ["-c:a", "pcm_s16le"], extension: "wav", source: "header", rates: all },
  { name: "aiff", args: [], extension: "aiff", source: "header", rates: [44_100] },
  { name: "flac", args: [], extension: "flac", source: "header", rates: all },
  { name: "flac in Ogg", args: ["-c:a", "flac"], extension: "oga", source: "granule", rates: [44_100] },
  { name: "alac", args: ["-c:a", "alac"], extension: "m4a", source: "mp4-edit-list", rates: [44_100, 48_000] },
  { name: "mp3 (LAME)", args: ["-b:a", "128k"], extension: "mp3", source: "lame-tag", rates: all },
  { name: "mp3 VBR", args: ["-q:a", "3"], extension: "mp3", source: "lame-tag", rates: [44_100] },
  { name: "mp3 in MP4", args: ["-c:a", "libmp3lame"], extension: "mp4", source: "mp4-edit-list", rates: [44_100] },
  { name: "aac", args: ["-b:a", "128k"], extension: "m4a", source: "mp4-edit-list", rates: all },
  {
    name: "aac, faststart",
    args: ["-movflags", "faststart"],
    extension: "m4a",
    source: "mp4-edit-list",
    rates: [48_000],
  },
  { name: "aac in MOV", args: ["-c:a", "aac"], extension: "mov", source: "mp4-edit-list", rates: [44_100] },
  {
    name: "opus in MP4",
    args: ["-c:a", "libopus", "-b:a", "96k"],
    extension: "mp4",
    source: "mp4-edit-list",
    rates: [48_000],
  },
  { name: "opus", args: ["-b:a", "96k"], extension: "opus", source: "decoded", rates: [48_000] },
  {
    name: "opus in WebM",
    args: ["-c:a", "libopus", "-b:a", "96k"],
    extension: "webm",
    source: "decoded",
    rates: [48_000],
  },
  {
    name: "vorbis",
    args: ["-c:a", "libvorbis", "-q:a", "6"],
    extension: "ogg",
    source: "granule",
    rates: [16_000, 44_100, 48_000],
  },
];

describe.each(codecs)("$name", ({ args, extension, source, rates }) => {
  // Odd lengths, and one whose vorbis lies on a single page.
  const cases = rates.flatMap((rate) => [44_100, 65_537].map((length) => ({ rate, length })));

  test.each(cases)(
    "fails when $length samples at $rate Hz come back as another count or moved",
    async ({ rate, length }) => {
      const wav = fixtures.file(`clicks-${rate}-${length}.wav`);
      const places = await writeClicks(wav, rate, length);
      const path = fixtures.file(`clicks-${rate}-${length}-${Math.random()}.${extension}`);
      await ffmpeg("-v", "error", "-i", wav, ...args, path);
      const decoded = await decodeTruly(path);
      expect(decoded.length.source).toBe(source);
      expect(decoded.sampleRateHz).toBe(rate);
      expect(decoded.samples.length).toBe(length);
      if (decoded.length.samples !== null) expect(decoded.length.samples).toBe(length);
      expect(findShifts(decoded.samples, places)).toEqual(places.map(() => 0));
    },
  );
});

describe("what ffmpeg's encoder does not write", () => {
  const rate = 44_100;
  const length = 65_537;

  async function encode(name: string, ...args: readonly string[]) {
    const wav = fixtures.file(`${name}.wav`);
    const places = await writeClicks(wav, rate, length);
    const path = fixtures.file(name);
    await ffmpeg("-v", "error", "-i", wav, ...args, path);
    return { path, places };
  }

  test("fails when iTunes' gapless tag is not followed to the sample", async () => {
    // As iTunes writes it: whole packets in the index, delay, padding and length in the tag.
    const { path, places } = await encode("itunes.m4a", "-b:a", "128k", "-use_editlist", "0");
    const file = await readFile(path);
    await writeFile(path, addItunSmpb(dropSttsTail(file), 1024, 66 * 1024 - 1024 - length, length));
    const decoded = await decodeTruly(path);
    expect(decoded.length).toMatchObject({ source: "itunsmpb", startSample: 1024, samples: length });
    expect(decoded.samples.length).toBe(length);
    expect(findShifts(decoded.samples, places)).toEqual(places.map(() => 0));
  });

  test("fails when an edit list that cuts on purpose is ignored", async () => {
    const { path, places } = await encode("cut.m4a", "-b:a", "128k");
    const file = await readFile(path);
    // Shows 500 ms from 10,000 samples behind the priming.
    const elst = file.indexOf("elst");
    file.writeUInt32BE(500, elst + 12);
    file.writeUInt32BE(1024 + 10_000, elst + 16);
    await writeFile(path, file);
    const decoded = await decodeTruly(path);
    expect(decoded.samples.length).toBe(22_050);
    const inside = places.filter((place) => place > 10_100 && place < 31_000).map((place) => place - 10_000);
    expect(inside.length).toBeGreaterThan(1);
    expect(findShifts(decoded.samples, inside)).toEqual(inside.map(() => 0));
  });

  test("fails when an mp3 behind a large picture loses its tag", async () => {
    const picture = fixtures.file("cover.png");
    await ffmpeg(
      "-v",
      "error",
      "-f",
      "lavfi",
      "-i",
      "nullsrc=s=300x300,geq=random(1)*255:128:128",
      "-frames:v",
      "1",
      picture,
    );
    const { path } = await encode("plain.mp3", "-b:a", "128k");
    const withPicture = fixtures.file("picture.mp3");
    await ffmpeg("-v", "error", "-i", path, "-i", picture, "-map", "0", "-map", "1", "-c", "copy", withPicture);
    expect((await readFile(withPicture)).length).toBeGreaterThan((await readFile(path)).length + 50_000);
    const decoded = await decodeTruly(withPicture);
    expect(decoded.length).toMatchObject({ source: "lame-tag", samples: length });
    expect(decoded.samples.length).toBe(length);
  });

  test.each([
    ["adts.aac", ["-b:a", "128k"]],
    ["tagless.mp3", ["-write_xing", "0"]],
    ["vorbis.webm", ["-c:a", "libvorbis"]],
    ["aac.mkv", ["-c:a", "aac"]],
    ["fragments.mp4", ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-frag_duration", "300000"]],
  ])("fails when %s, which counts nothing, is said to be counted or loses samples", async (name, args) => {
    const { path } = await encode(name, ...args);
    const decoded = await decodeTruly(path);
    expect(decoded.length).toMatchObject({ source: "decoded", samples: null });
    expect(decoded.samples.length).toBeGreaterThanOrEqual(length);
    expect(decoded.samples.length).toBeLessThan(length + 3 * 1152);
  });

  test("fails when a file that ends early promises only what is left of it", async () => {
    const { path } = await encode("broken.mp3", "-b:a", "128k");
    await truncate(path, Math.floor((await readFile(path)).length / 2));
    const decoded = await decodeTruly(path);
    expect(decoded.length.samples).toBe(length);
    expect(decoded.samples.length).toBeLessThan(length);
  });
});

/** The last packet's shortened duration made whole, so that only the tag knows the length. */
function dropSttsTail(file: Buffer): Buffer {
  const stts = file.indexOf("stts");
  const last = stts + 4 + 8 + (file.readUInt32BE(stts + 8) - 1) * 8;
  file.writeUInt32BE(1024, last + 4);
  return file;
}

/** Adds `moov/udta/meta/ilst/----` at the end of a file whose last box is `moov`. */
function addItunSmpb(file: Buffer, delay: number, padding: number, samples: number): Buffer {
  const hex = (value: number, digits: number) => value.toString(16).toUpperCase().padStart(digits, "0");
  const text = ` 00000000 ${hex(delay, 8)} ${hex(padding, 8)} ${hex(samples, 16)}${" 00000000".repeat(8)}`;
  const box = (type: string, ...content: readonly (Buffer | string)[]) => {
    const body = Buffer.concat(content.map((part) => Buffer.from(part as string, "latin1")));
    const head = Buffer.alloc(8);
    head.writeUInt32BE(body.length + 8);
    head.write(type, 4, "latin1");
    return Buffer.concat([head, body]);
  };
  const handler = box("hdlr", "\0\0\0\0\0\0\0\0mdirappl\0\0\0\0\0\0\0\0\0");
  const name = [box("mean", "\0\0\0\0com.apple.iTunes"), box("name", "\0\0\0\0iTunSMPB")];
  const item = box("----", ...name, box("data", "\0\0\0\x01\0\0\0\0", text));
  const udta = box("udta", box("meta", "\0\0\0\0", handler, box("ilst", item)));
  const moov = file.lastIndexOf("moov") - 4;
  // ffmpeg's own udta is renamed to free space: of two the demuxer may read the first only.
  const own = file.indexOf("udta", moov);
  if (own > 0) file.write("free", own, "latin1");
  file.writeUInt32BE(file.readUInt32BE(moov) + udta.length, moov);
  return Buffer.concat([file, udta]);
}
