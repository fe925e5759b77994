import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll } from "vitest";
import { readToolPaths } from "../../config/tool-paths.ts";
import { findToolchain, type Toolchain } from "../../worker/media/toolchain.ts";

const execute = promisify(execFile);

/** A temporary folder and the tools for the tests of one file; the folder is removed at their end. */
export function useMediaFixtures(): {
  readonly dir: string;
  readonly toolchain: Toolchain;
  file(name: string): string;
} {
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
