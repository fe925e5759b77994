import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";
import { readToolPaths } from "../../config/tool-paths.ts";
import { findToolchain, type Toolchain } from "../../worker/media/toolchain/toolchain.ts";
import type { RecipeContext } from "../../worker/recipes/recipe.ts";

const execute = promisify(execFile);

export interface MediaFixtures {
  readonly dir: string;
  readonly toolchain: Toolchain;
  file(name: string): string;
}

/** A temporary folder and the tools for the tests of one file; the folder is removed at their end. */
export function useMediaFixtures(): MediaFixtures {
  let dir = "";
  let toolchain: Toolchain | undefined;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "mixdown-media-"));
    toolchain = await findToolchain(readToolPaths());
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));
  return {
    get dir() {
      return dir;
    },
    get toolchain() {
      if (toolchain === undefined) throw new Error("the fixtures are ready inside tests only");
      return toolchain;
    },
    file: (name) => join(dir, name),
  };
}

/** What a recipe is given for files, with a scratch folder of its own. */
export async function buildContext(fixtures: MediaFixtures, paths: readonly string[]): Promise<RecipeContext> {
  return {
    inputs: paths.map((path) => ({ path, name: basename(path) })),
    scratchDir: await mkdtemp(join(fixtures.dir, "run-")),
    toolchain: fixtures.toolchain,
    signal: AbortSignal.timeout(60_000),
    peaks: false,
    onProgress: () => {},
  };
}

/** Runs the system's ffmpeg plainly, not through the code under test. */
export async function ffmpeg(...args: readonly string[]): Promise<string> {
  const { stderr } = await execute("ffmpeg", ["-y", "-nostdin", "-hide_banner", "-nostats", ...args], {
    maxBuffer: 1e8,
  });
  return stderr;
}

/** Decodes to interleaved samples, by the system's ffmpeg. */
export async function decode(path: string, ...args: readonly string[]): Promise<Float32Array> {
  const { stdout } = await execute("ffmpeg", ["-v", "error", "-i", path, ...args, "-f", "f32le", "-"], {
    maxBuffer: 2e9,
    encoding: "buffer",
  });
  return new Float32Array(stdout.buffer, stdout.byteOffset, stdout.byteLength >> 2).slice();
}

/** Writes interleaved samples, encoded by the extension and `args`. */
export async function writeSamples(
  path: string,
  samples: Float32Array,
  format: { readonly sampleRateHz: number; readonly channels: number },
  ...args: readonly string[]
): Promise<void> {
  const raw = `${path}.f32`;
  await writeFile(raw, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
  const pcm = ["-f", "f32le", "-ar", `${format.sampleRateHz}`, "-ac", `${format.channels}`, "-i", raw];
  await ffmpeg("-v", "error", ...pcm, ...args, path);
}

/** Speech of espeak-ng, mono, at `sampleRateHz`. */
export async function speak(
  text: string,
  path: string,
  sampleRateHz = 48_000,
  ...args: readonly string[]
): Promise<void> {
  const raw = `${path}.espeak.wav`;
  await execute("espeak-ng", ["-v", "en", "-s", "150", "-w", raw, text]);
  await ffmpeg("-v", "error", "-i", raw, ...args, "-ar", String(sampleRateHz), path);
  await rm(raw);
}
