import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { type CleanParams, parseParams } from "../../core/kinds/index.ts";
import type { Toolchain } from "../../worker/media/toolchain/toolchain.ts";
import { clean } from "../../worker/recipes/clean.ts";
import type { RecipeResult } from "../../worker/recipes/recipe.ts";
import { createWords } from "../fixtures/random.ts";

const execute = promisify(execFile);

export interface CleanRun extends RecipeResult {
  readonly path: string;
  readonly percents: readonly number[];
  readonly scratch: readonly string[];
}

/** Runs the recipe on one file in a scratch folder of its own. */
export async function runClean(
  fixtures: { readonly dir: string; readonly toolchain: Toolchain },
  path: string,
  params: Partial<CleanParams> = {},
  over: { readonly peaks?: boolean; readonly signal?: AbortSignal; readonly onProgress?: () => void } = {},
): Promise<CleanRun> {
  const scratchDir = await mkdtemp(join(fixtures.dir, "scratch-"));
  const percents: number[] = [];
  const result = await clean(
    {
      inputs: [{ path, name: basename(path) }],
      scratchDir,
      toolchain: fixtures.toolchain,
      signal: over.signal ?? new AbortController().signal,
      peaks: over.peaks ?? false,
      onProgress: (_phase, percent) => {
        percents.push(percent);
        over.onProgress?.();
      },
    },
    parseParams("clean", params),
  );
  return { ...result, path: result.outputs[0]?.path ?? "", percents, scratch: await readdir(scratchDir) };
}

/** Noise of a fixed seed with standard deviation 1 and mean 0: an offset would rightly be taken away. */
export function makeNoise(length: number, seed = 1): Float32Array {
  const next = createWords(seed);
  const uniform = () => (next() + 0.5) / 2 ** 32;
  const noise = Float32Array.from(
    { length },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
  const mean = noise.reduce((sum, value) => sum + value, 0) / length;
  return noise.map((value) => value - mean);
}

const powerOf = (samples: Float32Array) => samples.reduce((sum, value) => sum + value * value, 0) / samples.length;

/** `clean` with `noise` at that ratio of their powers over the whole. */
export function addNoise(clean: Float32Array, noise: Float32Array, snrDb: number): Float32Array {
  const scale = Math.sqrt(powerOf(clean) / powerOf(noise) / 10 ** (snrDb / 10));
  return clean.map((value, at) => value + scale * (noise[at] ?? 0));
}

/** Level of one frequency over the whole, dB re amplitude 1, behind a Hann window. */
export function measureTone(samples: Float32Array, hz: number, sampleRateHz: number): number {
  let re = 0;
  let im = 0;
  for (let at = 0; at < samples.length; at++) {
    const weighted = (samples[at] ?? 0) * (1 - Math.cos((2 * Math.PI * at) / samples.length));
    const angle = (2 * Math.PI * hz * at) / sampleRateHz;
    re += weighted * Math.cos(angle);
    im += weighted * Math.sin(angle);
  }
  return 20 * Math.log10((2 * Math.hypot(re, im)) / samples.length);
}

/** Writes interleaved samples as a 32-bit float WAV, by sox, which shares no code with what is tested. */
export async function writeWav(path: string, samples: Float32Array, sampleRateHz: number, channels = 1): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true });
  await writeFile(`${path}.f32`, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  const raw = ["-t", "f32", "-r", String(sampleRateHz), "-c", String(channels), `${path}.f32`];
  await execute("sox", ["-V1", ...raw, "-e", "floating-point", "-b", "32", path]);
}
