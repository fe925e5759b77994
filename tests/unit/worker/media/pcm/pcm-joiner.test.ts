import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type JoinedPiece,
  type JoinFormat,
  joinPcm,
  type PcmPiece,
} from "../../../../../worker/media/pcm/pcm-joiner.ts";
import {
  millisecondsToSeconds,
  samplesToSeconds,
  toNumber,
  zeroSeconds,
} from "../../../../../worker/media/pcm/pcm-time.ts";

const plain: JoinFormat = { sampleRateHz: 48_000, channels: 1, gap: zeroSeconds, crossfade: zeroSeconds };

/** A piece whose bytes come in chunks of the given sizes, turn about. */
function pieceOf(samples: Float32Array, sizes: readonly number[], duration: PcmPiece["duration"]): PcmPiece {
  const bytes = Buffer.from(samples.buffer);
  const chunks = async function* () {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1;
      // Each in a buffer of its own, as a pipe gives it, so that what is kept of it cannot change later.
      yield Buffer.from(bytes.subarray(at, at + size));
      at += size;
    }
  };
  return { pcm: chunks(), duration };
}

const exactly = (samples: Float32Array, sizes: readonly number[] = [65_536], format = plain): PcmPiece =>
  pieceOf(samples, sizes, (frames) => samplesToSeconds(frames, format.sampleRateHz));

async function join(pieces: readonly PcmPiece[], format = plain) {
  const placed: JoinedPiece[] = [];
  const chunks: Buffer[] = [];
  for await (const chunk of joinPcm(pieces, format, (piece) => placed.push(piece))) chunks.push(Buffer.from(chunk));
  const bytes = new Uint8Array(Buffer.concat(chunks));
  return { placed, samples: new Float32Array(bytes.buffer) };
}

/** 1, 2, 3, …: the value tells which sample it is. */
const ramp = (length: number, from = 1) => Float32Array.from({ length }, (_, at) => from + at);

const sizesArbitrary = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });

test("fails when a sample is lost, moved or repeated at a join, whatever the chunks", async () => {
  const pieceArbitrary = fc.tuple(fc.nat(400), sizesArbitrary);
  await fc.assert(
    fc.asyncProperty(
      fc.array(pieceArbitrary, { minLength: 1, maxLength: 6 }),
      fc.constantFrom(1, 2, 3),
      fc.nat(20),
      async (specs, channels, gapFrames) => {
        const format = { ...plain, channels, gap: samplesToSeconds(gapFrames, plain.sampleRateHz) };
        const sources = specs.map(([frames], index) => ramp(frames * channels, 1 + index * 10_000));
        const expected = sources.flatMap((source, index) =>
          index === 0 ? [...source] : [...new Array<number>(gapFrames * channels).fill(0), ...source],
        );
        const pieces = sources.map((source, index) => exactly(source, specs[index]?.[1], format));
        const { samples, placed } = await join(pieces, format);
        expect([...samples]).toEqual(expected);
        expect(placed.map((piece) => piece.frames)).toEqual(specs.map(([frames]) => frames));
      },
    ),
  );
});

test("fails when positions are not the rounded exact sum, though each piece gives a frame more or less", async () => {
  const spec = fc.record({
    count: fc.integer({ min: 100, max: 1500 }),
    rate: fc.constantFrom(16_000, 22_050, 44_100, 48_000),
    off: fc.integer({ min: -2, max: 2 }),
    sizes: sizesArbitrary,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 12 }), async (specs) => {
      const sources = specs.map(({ count, rate, off }, index) =>
        ramp(Math.ceil((count * 48_000) / rate) + off, 1 + index * 10_000),
      );
      const pieces = specs.map(({ count, rate, sizes }, index) =>
        pieceOf(sources[index] ?? ramp(0), sizes, () => samplesToSeconds(count, rate)),
      );
      const { samples, placed } = await join(pieces);
      let seconds = 0;
      for (const [index, { count, rate }] of specs.entries()) {
        const { startFrame, frames } = placed[index] ?? { startFrame: Number.NaN, frames: Number.NaN };
        expect(Math.abs(startFrame - seconds * 48_000)).toBeLessThan(0.5001);
        seconds += count / rate;
        const given = sources[index] ?? ramp(0);
        const kept = [...given.slice(0, frames), ...new Array<number>(Math.max(0, frames - given.length)).fill(0)];
        expect([...samples.slice(startFrame, startFrame + frames)]).toEqual(kept);
      }
      expect(Math.abs(samples.length - seconds * 48_000)).toBeLessThan(0.5001);
    }),
  );
});

test("fails when a crossfade of equal constants is not that constant", async () => {
  const ones = () => new Float32Array(4800).fill(0.5);
  const format = { ...plain, crossfade: millisecondsToSeconds(20) };
  const { samples } = await join([exactly(ones(), [1000]), exactly(ones(), [333]), exactly(ones())], format);
  expect(samples.length).toBe(3 * 4800 - 2 * 960);
  for (const sample of samples) expect(sample).toBeCloseTo(0.5, 6);
});

test("fails when crossfaded pieces differ from the mix computed sample by sample", async () => {
  const pieceArbitrary = fc.tuple(fc.integer({ min: 0, max: 600 }), sizesArbitrary);
  await fc.assert(
    fc.asyncProperty(
      fc.array(pieceArbitrary, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 120 }),
      fc.constantFrom(1, 2),
      async (specs, wanted, channels) => {
        const format = { ...plain, channels, crossfade: samplesToSeconds(wanted, plain.sampleRateHz) };
        const sources = specs.map(([frames], index) => ramp(frames * channels, 1 + index * 1000));
        const pieces = sources.map((source, index) => exactly(source, specs[index]?.[1], format));
        const { samples, placed } = await join(pieces, format);

        const expected = new Array<number>(samples.length).fill(0);
        let end = 0;
        let exactStart = 0;
        for (const [index, source] of sources.entries()) {
          const frames = source.length / channels;
          const before = index === 0 ? 0 : (specs[index - 1]?.[0] ?? 0);
          const overlap = index === 0 ? 0 : Math.min(wanted, before / 2, frames / 2);
          exactStart += before - overlap;
          const start = Math.round(exactStart);
          // A rounded end may meet a rounded start: what is shared is what both cover.
          const shared = Math.min(Math.max(0, end - start), frames, placed[index]?.overlapFrames ?? 0);
          expect(placed[index]).toMatchObject({ startFrame: start, overlapFrames: Math.max(0, end - start) });
          expect(placed[index]?.overlapShortened).toBe(index > 0 && overlap < wanted);
          for (let frame = 0; frame < frames; frame++) {
            const gain = frame < shared ? (frame + 0.5) / shared : 1;
            for (let channel = 0; channel < channels; channel++) {
              const at = (start + frame) * channels + channel;
              expected[at] = (expected[at] ?? 0) * (1 - gain) + (source[frame * channels + channel] ?? 0) * gain;
            }
          }
          end = Math.round(exactStart + frames);
        }
        expect(samples.length).toBe(end * channels);
        for (const [at, value] of expected.entries()) {
          expect(Math.abs((samples[at] ?? Number.NaN) - value)).toBeLessThan(1e-3 * Math.max(1, value));
        }
      },
    ),
  );
});

test("fails when three overlaps are not enough memory for a long piece", async () => {
  const format = { ...plain, crossfade: millisecondsToSeconds(10) };
  let read = 0;
  let most = 0;
  let sent = 0;
  const chunks = async function* () {
    for (let chunk = 0; chunk < 500; chunk++) {
      read += 4800;
      most = Math.max(most, read - sent);
      yield Buffer.alloc(4800);
    }
  };
  const long = (): PcmPiece => ({ pcm: chunks(), duration: (frames) => samplesToSeconds(frames, 48_000) });
  for await (const chunk of joinPcm([long(), long()], format)) sent += chunk.length;
  expect(sent).toBe(2 * 500 * 4800 - 480 * 4);
  expect(most).toBeLessThan(3 * 480 * 4 + 5 * 4800);
});

test("fails when the next piece is asked for only after the last sample of the present one was sent", async () => {
  const events: string[] = [];
  const pieces = async function* () {
    for (const name of ["a", "b"]) {
      events.push(`open ${name}`);
      yield exactly(ramp(10_000), [4000]);
    }
  };
  for await (const _ of joinPcm(pieces(), plain)) events.push("data");
  expect(events.indexOf("open b")).toBeLessThan(events.lastIndexOf("data"));
});

test("fails when a source is left open after the consumer has gone", async () => {
  let closed = false;
  const piece: PcmPiece = {
    pcm: (async function* () {
      try {
        for (;;) yield Buffer.alloc(4096);
      } finally {
        closed = true;
      }
    })(),
    duration: (frames) => samplesToSeconds(frames, 48_000),
  };
  for await (const _ of joinPcm([piece], plain)) break;
  expect(closed).toBe(true);
});

test("fails when a source's error is swallowed", async () => {
  const piece: PcmPiece = {
    pcm: (async function* () {
      yield Buffer.alloc(4096);
      throw new Error("broken pipe");
    })(),
    duration: () => zeroSeconds,
  };
  await expect(join([piece])).rejects.toThrow("broken pipe");
});

test("fails when a piece that runs far beyond its duration goes unnoticed", async () => {
  const piece = pieceOf(ramp(48_000), [4800], () => samplesToSeconds(1000, 48_000));
  await expect(join([piece])).rejects.toThrow(/more than its duration/);
});

test("fails when no pieces give anything", async () => {
  expect((await join([])).samples.length).toBe(0);
});

test("fails when the reported times are not those of the frames", async () => {
  const { placed } = await join([exactly(ramp(441)), exactly(ramp(100))], { ...plain, gap: millisecondsToSeconds(1) });
  expect(placed.map((piece) => toNumber(piece.start))).toEqual([0, (441 + 48) / 48_000]);
  expect(placed.map((piece) => piece.startFrame)).toEqual([0, 489]);
});
