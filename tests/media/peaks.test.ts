import { expect, test } from "vitest";
import type { Peaks } from "../../worker/media/waveform/peaks.ts";
import { makePeaks } from "../../worker/recipes/peaks.ts";
import { decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const options = { samplesPerPixel: 256, bits: 16 } as const;

const peaksOf = (path: string, signal = new AbortController().signal): Promise<Peaks> =>
  makePeaks({ toolchain: fixtures.toolchain, signal }, options, path);

async function makeTone(name: string, ...args: readonly string[]): Promise<string> {
  const path = fixtures.file(name);
  const source = "aevalsrc=0.5*sin(2*PI*220*t)*min(1\\,t)|0.25*sin(2*PI*330*t):s=44100:d=2.345";
  await ffmpeg("-v", "error", "-f", "lavfi", "-i", source, ...args, path);
  return path;
}

test("fails when the peaks differ from those of a plain decode", async () => {
  const path = await makeTone("tone.wav", "-c:a", "pcm_s16le");
  const peaks = await peaksOf(path);
  const samples = (await decode(path)).map((value) => Math.round(value * 32_768));
  const expected: number[] = [];
  for (let at = 0; at < samples.length; at += 512) {
    const mono: number[] = [];
    for (let frame = at; frame < Math.min(at + 512, samples.length); frame += 2) {
      mono.push(Math.trunc(((samples[frame] ?? 0) + (samples[frame + 1] ?? 0)) / 2));
    }
    expected.push(Math.min(...mono), Math.max(...mono));
  }
  expect([...peaks.data]).toEqual(expected);
  expect(peaks).toMatchObject({ sampleRateHz: 44_100, samplesPerPixel: 256, bits: 16 });
});

test.each(["mp3", "m4a", "ogg", "opus"])("fails when the padding of %s is drawn", async (extension) => {
  const path = await makeTone(`padded.${extension}`);
  const peaks = await peaksOf(path);
  const rate = extension === "opus" ? 48_000 : 44_100;
  expect(peaks.sampleRateHz).toBe(rate);
  expect(peaks.length).toBe(Math.ceil((2.345 * rate) / 256));
});

test("fails when progress goes back or never ends", async () => {
  const path = await makeTone("progress.flac");
  const seen: number[] = [];
  const signal = new AbortController().signal;
  const onProgress = (_phase: string, percent: number) => seen.push(percent);
  await makePeaks({ toolchain: fixtures.toolchain, signal, onProgress }, options, path);
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(seen.at(-1)).toBe(100);
});

test("fails when an abort is not heard", async () => {
  const path = await makeTone("abort.wav");
  await expect(peaksOf(path, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
});
