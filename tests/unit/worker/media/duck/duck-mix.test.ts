import { expect, test } from "vitest";
import { buildDuckEnvelope } from "../../../../../worker/media/duck/duck-envelope.ts";
import { type DuckMix, mixDucked } from "../../../../../worker/media/duck/duck-mix.ts";

/** Chunks of odd sizes, whole frames of `channels`, each at an address that floats cannot be read from. */
async function* chop(samples: Float32Array, sizes: readonly number[], channels: number): AsyncGenerator<Uint8Array> {
  const bytes = new Uint8Array(samples.buffer);
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = Math.min(bytes.length - at, 4 * channels * (sizes[turn % sizes.length] ?? 1));
    const room = new Uint8Array(length + 1);
    room.set(bytes.subarray(at, at + length), 1);
    yield room.subarray(1);
    at += length;
  }
}

async function run(voice: Float32Array, music: Float32Array, over: Partial<DuckMix> = {}, sizes = [7, 64, 1]) {
  const mix: DuckMix = {
    ...{ channels: 2, voiceChannels: 2, voiceGain: 1, musicGain: 1, fadeInFrames: 0, fadeOutFrames: 0 },
    totalFrames: voice.length / 2,
    envelope: buildDuckEnvelope([], 12, 1_000),
    ...over,
  };
  const chunks: number[] = [];
  for await (const chunk of mixDucked(chop(voice, sizes, 2), chop(music, [13, 5], 2), mix)) chunks.push(...chunk);
  return chunks;
}

const ramp = (length: number, scale: number) => Float32Array.from({ length }, (_, at) => Math.fround(at * scale));

test("fails when a frame of the music meets another frame of the voice, whatever the chunks", async () => {
  const [voice, music] = [ramp(400, 0.001), ramp(400, 0.002)];
  const sum = Array.from({ length: 400 }, (_, at) => Math.fround((voice[at] ?? 0) + (music[at] ?? 0)));
  expect(await run(voice, music)).toEqual(sum);
  expect(await run(voice, music, {}, [200])).toEqual(sum);
});

test("fails when music that ends early leaves anything but the voice, or shortens it", async () => {
  const voice = ramp(400, 0.001);
  const mixed = await run(voice, ramp(100, 0.002));
  expect(mixed).toHaveLength(400);
  expect(mixed.slice(100)).toEqual([...voice.slice(100)]);
});

test("fails when gains act on the wrong source", async () => {
  const ones = new Float32Array(200).fill(1);
  const nothing = new Float32Array(200);
  expect(new Set(await run(ones, nothing, { voiceGain: 0.5, musicGain: 0.25 }))).toEqual(new Set([0.5]));
  expect(new Set(await run(nothing, ones, { voiceGain: 0.5, musicGain: 0.25 }))).toEqual(new Set([0.25]));
});

test("fails when a voice of one channel is not in both, frame by frame", async () => {
  const [voice, music] = [ramp(200, 0.001), ramp(400, 0.002)];
  const both = Array.from({ length: 400 }, (_, at) => Math.fround((voice[at >> 1] ?? 0) + (music[at] ?? 0)));
  const mix = { channels: 2, voiceChannels: 1, voiceGain: 1, musicGain: 1, fadeInFrames: 0, fadeOutFrames: 0 };
  const rest = { totalFrames: 200, envelope: buildDuckEnvelope([], 12, 1_000) };
  const chunks: number[] = [];
  for await (const chunk of mixDucked(chop(voice, [7, 64, 1], 1), chop(music, [13], 2), { ...mix, ...rest })) {
    chunks.push(...chunk);
  }
  expect(chunks).toEqual(both);
});

test("fails when the music starts or ends with a step where a fade is asked for", async () => {
  const ones = new Float32Array(2_000).fill(1);
  const mixed = await run(new Float32Array(2_000), ones, { fadeInFrames: 100, fadeOutFrames: 200 });
  const left = mixed.filter((_, at) => at % 2 === 0);
  expect(left[0]).toBeLessThan(0.001);
  expect(left.at(-1)).toBeLessThan(0.001);
  expect(left[50]).toBeCloseTo(0.5, 1);
  expect(left[100]).toBe(1);
  expect(left[799]).toBe(1);
  expect(left[900]).toBeCloseTo(0.5, 1);
});

test("fails when the music's source is left open after the voice has ended", async () => {
  let closed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield new Uint8Array(8_000);
    } finally {
      closed = true;
    }
  }
  const voice = chop(ramp(100, 0.001), [10], 2);
  const envelope = buildDuckEnvelope([], 0, 1_000);
  const mix = {
    channels: 2,
    voiceChannels: 2,
    voiceGain: 1,
    musicGain: 1,
    envelope,
    fadeInFrames: 0,
    fadeOutFrames: 0,
    totalFrames: 50,
  };
  for await (const chunk of mixDucked(voice, endless(), mix)) expect(chunk.length).toBeGreaterThan(0);
  expect(closed).toBe(true);
});
