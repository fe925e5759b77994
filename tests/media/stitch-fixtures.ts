import { writeFile } from "node:fs/promises";
import type { StitchParams } from "../../core/kinds/index.ts";
import type { Toolchain } from "../../worker/media/toolchain/toolchain.ts";
import type { RecipeContext, RecipeResult } from "../../worker/recipes/recipe.ts";
import { stitch } from "../../worker/recipes/stitch.ts";
import { decode, ffmpeg, type MediaFixtures, writeSamples } from "./media-fixtures.ts";

/** Runs the recipe on files; `scratchDir` gets the output. */
export function runStitch(
  toolchain: Toolchain,
  scratchDir: string,
  paths: readonly string[],
  params: Partial<StitchParams>,
  context: Partial<RecipeContext> = {},
): Promise<RecipeResult> {
  return stitch(
    {
      inputs: paths.map((path) => ({ path, name: path.split("/").at(-1) ?? path })),
      scratchDir,
      toolchain,
      signal: new AbortController().signal,
      peaks: false,
      onProgress: () => {},
      ...context,
    },
    { gapMs: 0, crossfadeMs: 0, matchLoudness: false, join: "auto", ...params },
  );
}

/** A tone of 2 kHz under a bell of half a millisecond's width, `seconds` from its middle: band-limited at any rate. */
const pulseAt = (seconds: number): number =>
  0.7 * Math.exp(-((seconds / 0.0005) ** 2)) * Math.cos(2 * Math.PI * 2_000 * seconds);

/** Middles of the first and last pulse, in samples: as near to the ends as a codec leaves them clean. */
export const pulsePlaces = (sampleRateHz: number, length: number): readonly [number, number] => [
  Math.round(sampleRateHz * 0.05),
  length - Math.round(sampleRateHz * 0.05),
];

/** Writes `length` samples of silence with a pulse near each end, encoded by the extension and `args`. */
export async function writePulses(
  path: string,
  format: { readonly sampleRateHz: number; readonly channels: number; readonly length: number },
  ...args: readonly string[]
): Promise<void> {
  const { sampleRateHz, channels, length } = format;
  const samples = new Float32Array(length * channels);
  for (const place of pulsePlaces(sampleRateHz, length)) {
    for (let at = Math.max(0, place - 200); at < Math.min(length, place + 200); at++) {
      const value = pulseAt((at - place) / sampleRateHz);
      for (let channel = 0; channel < channels; channel++) samples[at * channels + channel] = value;
    }
  }
  await writeSamples(path, samples, format, ...args);
}

/** Seconds of the pulse that lies within 20 ms of `near`, to a hundredth of a sample; NaN where there is none. */
export function findPulse(samples: Float32Array, sampleRateHz: number, near: number): number {
  const half = Math.round(sampleRateHz * 0.001);
  const matchAt = (seconds: number): number => {
    const middle = Math.round(seconds * sampleRateHz);
    let match = 0;
    for (let at = middle - half; at <= middle + half; at++) {
      match += (samples[at] ?? 0) * pulseAt(at / sampleRateHz - seconds);
    }
    return match;
  };
  const search = (from: number, to: number, step: number): number => {
    let best = { seconds: Number.NaN, match: 0.1 };
    for (let seconds = from; seconds <= to; seconds += step) {
      const match = matchAt(seconds);
      if (match > best.match) best = { seconds, match };
    }
    return best.seconds;
  };
  const sample = 1 / sampleRateHz;
  const coarse = search(near - 0.02, near + 0.02, sample);
  return search(coarse - sample, coarse + sample, sample / 100);
}

/** 16-bit samples, each of its own value within the file and unlike those of the others. */
export const noise = (length: number, seed: number): Int16Array =>
  Int16Array.from({ length }, (_, at) => ((Math.imul(at + 1, 2_654_435_761) ^ Math.imul(seed, 40_503)) >> 12) % 30_000);

/** Writes interleaved samples under `name`, in the format of its extension. */
export async function writeNoise(
  fixtures: MediaFixtures,
  name: string,
  samples: Int16Array,
  channels: number,
  rate = 44_100,
): Promise<string> {
  const raw = fixtures.file(`${name}.s16`);
  await writeFile(raw, Buffer.from(samples.buffer));
  const path = fixtures.file(name);
  await ffmpeg("-v", "error", "-f", "s16le", "-ar", `${rate}`, "-ac", `${channels}`, "-i", raw, path);
  return path;
}

/** The 16-bit samples of a file. */
export async function readSamples(path: string): Promise<Int16Array> {
  return Int16Array.from(await decode(path), (value) => Math.round(value * 32_768));
}
