import { parseParams } from "../../core/kinds/index.ts";
import { joinFrames } from "../../worker/media/pcm/frame-filter.ts";
import type { Toolchain } from "../../worker/media/toolchain/toolchain.ts";
import { mix } from "../../worker/recipes/mix.ts";
import type { RecipeContext, RecipeResult } from "../../worker/recipes/recipe.ts";
import { decode, ffmpeg, speak, writeSamples } from "./media-fixtures.ts";

/** Runs the recipe on files; `scratchDir` gets the output. */
export function runMix(
  toolchain: Toolchain,
  scratchDir: string,
  files: { readonly voices: readonly string[]; readonly music: string },
  params: object,
  context: Partial<RecipeContext> = {},
): Promise<RecipeResult> {
  const toInput = (role: string) => (path: string) => ({ path, name: path.split("/").at(-1) ?? path, role });
  return mix(
    {
      inputs: [...files.voices.map(toInput("narration")), toInput("music")(files.music)],
      scratchDir,
      toolchain,
      signal: new AbortController().signal,
      peaks: false,
      onProgress: () => {},
      ...context,
    },
    parseParams("mix", params),
  );
}

/** Frequency of the beds: far above what `speakSamples` leaves of a voice. */
export const bedHz = 10_000;
export const rate = 48_000;

/** Mono speech without silence at its ends, nothing above 5 kHz. */
export async function speakSamples(text: string, path: string): Promise<Float32Array> {
  await speak(text, path, rate, "-af", Array.from({ length: 4 }, () => "lowpass=f=5000").join(","));
  const samples = await decode(path);
  const loud = (value: number): boolean => Math.abs(value) > 0.01;
  return samples.subarray(samples.findIndex(loud), samples.findLastIndex(loud) + 1);
}

export const silence = (seconds: number): Float32Array => new Float32Array(Math.round(seconds * rate));

export const concat = (...parts: readonly Float32Array[]): Float32Array => joinFrames(parts);

export const scale = (samples: Float32Array, gainDb: number): Float32Array =>
  samples.map((value) => value * 10 ** (gainDb / 20));

export function makeTone(seconds: number, level = 0.1, hertz = bedHz): Float32Array {
  return Float32Array.from(
    { length: Math.round(seconds * rate) },
    (_, at) => level * Math.sin((2 * Math.PI * hertz * at) / rate),
  );
}

/** Writes mono samples at `rate`, in the format of the extension and as `args` say. */
export async function writeSound(path: string, samples: Float32Array, ...args: readonly string[]): Promise<string> {
  const exact = path.endsWith(".wav") ? ["-c:a", "pcm_f32le"] : [];
  await writeSamples(path, samples, { sampleRateHz: rate, channels: 1 }, ...exact, ...args);
  return path;
}

/** Level of a tone in dB, in windows of 40 ms each 10 ms (Goertzel behind a Hann window); window `i` begins at 10·i ms. */
export function trackTone(samples: Float32Array, hertz = bedHz): Float64Array {
  const width = Math.round(0.04 * rate);
  const step = Math.round(0.01 * rate);
  const window = Float64Array.from({ length: width }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / width));
  const turn = 2 * Math.cos((2 * Math.PI * hertz) / rate);
  return Float64Array.from({ length: Math.max(0, Math.floor((samples.length - width) / step) + 1) }, (_, index) => {
    let [last, before] = [0, 0];
    for (let at = 0; at < width; at++) {
      const next = (samples[index * step + at] ?? 0) * (window[at] ?? 0) + turn * last - before;
      before = last;
      last = next;
    }
    const power = last * last + before * before - turn * last * before;
    return 10 * Math.log10(power / (width / 4) ** 2 + 1e-20);
  });
}

/** Lowest, highest and mean of the windows that lie wholly between two times. */
export function readSpan(track: Float64Array, startSeconds: number, endSeconds: number) {
  const span = [...track.subarray(Math.ceil(startSeconds * 100), Math.floor((endSeconds - 0.04) * 100) + 1)];
  const mean = span.reduce((sum, value) => sum + value, 0) / span.length;
  return { low: Math.min(...span), high: Math.max(...span), mean };
}

/** ffmpeg's own reading of a file: LUFS to 0.1, dBTP to 0.1. */
export async function readLoudness(path: string): Promise<{ lufs: number; peak: number }> {
  const stderr = await ffmpeg(
    "-i",
    path,
    "-map",
    "0:a",
    "-af",
    "ebur128=peak=true:framelog=verbose",
    "-f",
    "null",
    "-",
  );
  const last = (pattern: RegExp) => Number([...stderr.matchAll(pattern)].at(-1)?.[1]);
  return { lufs: last(/I:\s+(-?[\d.]+) LUFS/g), peak: last(/Peak:\s+(-?[\d.]+) dBFS/g) };
}
