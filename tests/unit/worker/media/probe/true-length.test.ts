import fc from "fast-check";
import { expect, test } from "vitest";
import type { AudioStream } from "../../../../../worker/media/probe/media-info.ts";
import { deriveMp4Length, parseItunSmpb } from "../../../../../worker/media/probe/true-length.ts";
import { parseLameTag } from "../../../../../worker/media/probe/true-length-mp3.ts";
import { type Mp4Timing, parseMoov, readMp4Timing } from "../../../../../worker/media/probe/true-length-mp4.ts";

const stream: AudioStream = {
  index: 0,
  codec: "aac",
  profile: null,
  sampleRateHz: 44_100,
  channels: 2,
  channelLayout: "stereo",
  bitRate: null,
  bitsPerSample: null,
  durationSeconds: null,
  startSeconds: 0,
  durationTs: null,
  startPts: null,
  timeBase: null,
  initialPadding: null,
  tags: {},
};
const timing: Mp4Timing = {
  movieTimescale: 1000,
  mediaTimescale: 44_100,
  mediaDuration: 1024 + 65_537,
  edits: [{ segmentDuration: 1487, mediaTime: 1024 }],
};

test("fails when an edit list in milliseconds wins over the exact index", () => {
  expect(deriveMp4Length(timing, stream, undefined)).toMatchObject({ startSample: 1024, samples: 65_537 });
});

test("fails when a delay at the head of the track is taken for sound", () => {
  const edits = [{ segmentDuration: 300, mediaTime: -1 }, ...timing.edits];
  expect(deriveMp4Length({ ...timing, edits }, stream, undefined)).toMatchObject({
    startSample: 1024,
    samples: 65_537,
  });
});

test("fails when a file that was edited in several cuts is not left to ffmpeg", () => {
  const edits = [...timing.edits, { segmentDuration: 100, mediaTime: 30_000 }];
  expect(deriveMp4Length({ ...timing, edits }, stream, undefined)).toMatchObject({ samples: null, inputArgs: [] });
});

test("fails when the tracks' units are taken for samples", () => {
  const half = { ...timing, mediaTimescale: 22_050, mediaDuration: 1024 + 30_000 };
  expect(
    deriveMp4Length({ ...half, edits: [{ segmentDuration: 0, mediaTime: 1024 }] }, stream, undefined),
  ).toMatchObject({ startSample: 2048, samples: 60_000 });
});

const smpb = (delay: number, padding: number, samples: number) =>
  ` 00000000 ${[delay, padding].map((value) => value.toString(16).padStart(8, "0")).join(" ")} ${samples.toString(16).padStart(16, "0")} 00000000`;

test("fails when a gapless tag of another recording is believed", () => {
  const tag = smpb(2112, 500, 10_000_000);
  expect(deriveMp4Length(timing, stream, tag).source).toBe("mp4-edit-list");
});

test("fails when Apple's half counts of HE-AAC are not doubled", () => {
  // Packets of 1,024 that decode to 2,048 each.
  const media = { ...timing, mediaDuration: 2048 * 100, edits: [] };
  const length = deriveMp4Length(media, stream, smpb(2112, 288, 100_000));
  expect(length).toMatchObject({ startSample: 2 * 2112 + 962, samples: 200_000, source: "itunsmpb" });
});

test("fails when a real tag is not read, or nonsense is", () => {
  const real = " 00000000 00000840 000001CA 00000000003F31F6 00000000 00000000 00000000 00000000";
  expect(parseItunSmpb(real)).toEqual({ delay: 2112, samples: 4_141_558, total: 2112 + 458 + 4_141_558 });
  for (const tag of [undefined, "", "00000000", " 00000000 00000840 000001CA 0000000000000000"]) {
    expect(parseItunSmpb(tag)).toBeNull();
  }
});

function makeMp3(options: { mpeg1?: boolean; mono?: boolean; encoder?: string; id3Bytes?: number; padding?: number }) {
  const { mpeg1 = true, mono = false, encoder = "LAME3.100", id3Bytes = 0, padding = 1000 } = options;
  const id3 = Buffer.alloc(id3Bytes);
  if (id3Bytes > 0) {
    id3.write("ID3\x04\0\0", 0, "latin1");
    for (const [byte, shift] of [21, 14, 7, 0].entries()) id3[6 + byte] = ((id3Bytes - 10) >> shift) & 0x7f;
  }
  const frame = Buffer.alloc(1000);
  frame.set([0xff, mpeg1 ? 0xfb : 0xf3, 0x90, mono ? 0xc0 : 0x00]);
  const tag = 4 + (mpeg1 ? (mono ? 17 : 32) : mono ? 9 : 17);
  frame.write("Info", tag, "latin1");
  frame.writeUInt32BE(15, tag + 4);
  frame.writeUInt32BE(100, tag + 8);
  frame.write(encoder, tag + 120, "latin1");
  frame.writeUIntBE((576 << 12) | padding, tag + 141, 3);
  return Buffer.concat([id3, frame]);
}

test.each([
  { mpeg1: true, mono: false, samples: 115_200 - 1576 },
  { mpeg1: true, mono: true, samples: 115_200 - 1576 },
  { mpeg1: false, mono: false, samples: 57_600 - 1576 },
  { mpeg1: false, mono: true, samples: 57_600 - 1576 },
])("fails when the tag of an mp3 (MPEG-1: $mpeg1, mono: $mono) is not found at its place", ({ samples, ...kind }) => {
  expect(parseLameTag(makeMp3(kind))).toMatchObject({ kind: "lame", samples });
  expect(parseLameTag(makeMp3({ ...kind, id3Bytes: 300 }))).toMatchObject({ kind: "lame", samples });
});

test("fails when samples are promised that no frame pushes out of the decoder", () => {
  expect(parseLameTag(makeMp3({ padding: 29 }))).toMatchObject({ kind: "lame", samples: 115_200 - 576 - 529 });
});

test("fails when a tag behind a long ID3 tag is not looked for there", () => {
  expect(parseLameTag(makeMp3({ id3Bytes: 100_000 }).subarray(0, 16_384))).toEqual({
    kind: "further",
    offset: 100_000,
  });
});

test("fails when an unknown encoder's numbers are believed", () => {
  expect(parseLameTag(makeMp3({ encoder: "GOGO" }))).toBeNull();
});

test("fails when bytes of a stranger make a reader throw or run on", async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(250), async (bytes, at) => {
      parseLameTag(Buffer.from(bytes));
      const mp3 = makeMp3({});
      mp3.set(bytes.subarray(0, 40), at);
      parseLameTag(mp3);
      parseMoov(Buffer.from(bytes));
      await readMp4Timing(async (offset, length) => Buffer.from(bytes.subarray(offset, offset + length)));
    }),
  );
});
