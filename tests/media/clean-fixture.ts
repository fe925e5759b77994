import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clean as cleanKind } from "../../core/kinds/clean.ts";
import type { Toolchain } from "../../worker/media/toolchain.ts";
import { clean } from "../../worker/recipes/clean.ts";
import type { RecipeResult } from "../../worker/recipes/recipe.ts";
import { decode } from "./media-fixtures.ts";

export interface Cleaned {
  readonly samples: Float32Array;
  readonly result: RecipeResult;
}

/** So quiet that the limiter has nothing to do: what is heard of it is its own affair, not the denoiser's. */
const quietLufs = -30;

/** Writes `samples` (interleaved) as 16-bit WAV, runs the recipe on it with WAV out, and reads the result back. */
export async function cleanSamples(
  place: { readonly dir: string; readonly toolchain: Toolchain },
  samples: Float32Array,
  format: { readonly sampleRateHz?: number; readonly channels?: number } = {},
): Promise<Cleaned> {
  const scratchDir = join(place.dir, `run-${Math.random().toString(36).slice(2)}`);
  await mkdir(scratchDir);
  const path = join(scratchDir, "in.wav");
  await writeWav(path, samples, format.sampleRateHz ?? 48_000, format.channels ?? 1);
  const result = await clean(
    {
      ...{ scratchDir, toolchain: place.toolchain, signal: new AbortController().signal, peaks: false },
      inputs: [{ path, name: "in.wav" }],
      onProgress: () => {},
    },
    cleanKind.params.parse({ format: "wav", loudnessLufs: quietLufs }),
  );
  return { samples: await decode(result.outputs[0]?.path ?? ""), result };
}

async function writeWav(path: string, samples: Float32Array, sampleRateHz: number, channels: number): Promise<void> {
  const raw = `${path}.f32`;
  await writeFile(raw, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  const shape = ["-f", "f32le", "-ar", String(sampleRateHz), "-ac", String(channels)];
  const child = spawn("ffmpeg", ["-v", "error", "-y", ...shape, "-i", raw, "-c:a", "pcm_s16le", path]);
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`ffmpeg ended with ${code} while writing ${path}`);
}
