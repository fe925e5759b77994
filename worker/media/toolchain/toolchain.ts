import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { ToolPaths } from "../../../config/tool-paths.ts";
import { MixdownError } from "../../../core/errors.ts";
import { findExecutable, isExecutable } from "../../process/launch-prefix.ts";
import { type Capabilities, probeFfmpeg, probeFfprobe } from "./capabilities.ts";
import { type CapabilityCache, openCapabilityCache } from "./capability-cache.ts";

/** Where a binary was found: the caller's setting, the system, or the build that comes with the package. */
export type Rung = "env" | "system" | "bundled";

export interface FfmpegTool {
  readonly path: string;
  readonly version: string;
  /** 0 for builds from git that carry no release number. */
  readonly major: number;
  readonly rung: Rung;
  readonly filters: ReadonlySet<string>;
  readonly encoders: ReadonlySet<string>;
}

export interface FfprobeTool {
  readonly path: string;
  readonly version: string;
  readonly rung: Rung;
}

export interface Toolchain {
  readonly ffmpeg: FfmpegTool;
  readonly ffprobe: FfprobeTool;
}

/** Older ones lack filters and options that the recipes rely on, and get no security fixes. */
const oldestMajor = 5;

type ToolchainOptions = Pick<ToolPaths, "ffmpegPath" | "ffprobePath" | "pathVariable" | "cacheDir">;

/**
 * Finds ffmpeg and ffprobe: FFMPEG_PATH / FFPROBE_PATH, then PATH when version 5 or newer, then the npm package's build
 * of 2018. Starts no process when the answers are kept. Throws platform_ffmpeg_missing.
 */
export async function findToolchain(options: ToolchainOptions): Promise<Toolchain> {
  const cache = openCapabilityCache(options.cacheDir);
  const [ffmpeg, ffprobe] = await Promise.all([findFfmpeg(options, cache), findFfprobe(options, cache)]);
  return { ffmpeg, ffprobe };
}

async function findFfmpeg(options: ToolchainOptions, cache: CapabilityCache): Promise<FfmpegTool> {
  const make = (path: string, rung: Rung, answer: Capabilities): FfmpegTool => ({
    path,
    rung,
    version: answer.version,
    major: answer.major,
    filters: new Set(answer.filters),
    encoders: new Set(answer.encoders),
  });
  const ask = (path: string) => remember(cache, path, () => probeFfmpeg(path));
  if (options.ffmpegPath !== undefined) {
    const path = requireExecutable("FFMPEG_PATH", options.ffmpegPath);
    return make(path, "env", await ask(path));
  }
  const system = findExecutable("ffmpeg", options.pathVariable);
  if (system !== null) {
    const answer = await ask(system);
    if (answer.major >= oldestMajor) return make(system, "system", answer);
  }
  const bundled = findBundled("ffmpeg", options.cacheDir);
  if (bundled !== null) return make(bundled, "bundled", await ask(bundled));
  throw missing("ffmpeg", system === null ? "none was found" : `${system} is older than version ${oldestMajor}`);
}

/** The ffprobe that `findToolchain` would choose, where that is known without starting a process; else null. */
export function findKnownFfprobe(options: ToolchainOptions): string | null {
  const cache = openCapabilityCache(options.cacheDir);
  const path = options.ffprobePath ?? findExecutable("ffprobe", options.pathVariable);
  const kept = path === null ? undefined : (cache.get(path) as Capabilities | undefined);
  if (kept === undefined) return null;
  return options.ffprobePath !== undefined || kept.major >= oldestMajor ? path : null;
}

async function findFfprobe(options: ToolchainOptions, cache: CapabilityCache): Promise<FfprobeTool> {
  const ask = (path: string) => remember(cache, path, () => probeFfprobe(path));
  if (options.ffprobePath !== undefined) {
    const path = requireExecutable("FFPROBE_PATH", options.ffprobePath);
    return { path, rung: "env", version: (await ask(path)).version };
  }
  const system = findExecutable("ffprobe", options.pathVariable);
  if (system !== null) {
    const answer = await ask(system);
    if (answer.major >= oldestMajor) return { path: system, rung: "system", version: answer.version };
  }
  const bundled = findBundled("ffprobe", options.cacheDir);
  if (bundled !== null) return { path: bundled, rung: "bundled", version: (await ask(bundled)).version };
  throw missing("ffprobe", system === null ? "none was found" : `${system} is older than version ${oldestMajor}`);
}

async function remember<Answer>(cache: CapabilityCache, path: string, ask: () => Promise<Answer>): Promise<Answer> {
  const kept = cache.get(path);
  if (kept !== undefined) return kept as Answer;
  const answer = await ask();
  cache.set(path, answer);
  return answer;
}

function requireExecutable(variable: string, path: string): string {
  if (isExecutable(path)) return path;
  throw new MixdownError("platform_ffmpeg_missing", {
    message: `${variable} is ${path}, which is not a file that can be run. Correct it or unset it.`,
  });
}

function missing(tool: string, why: string): MixdownError {
  return new MixdownError("platform_ffmpeg_missing", {
    message: `No usable ${tool}: ${why}, and the npm package's own is not there. Install ffmpeg 5 or newer, or set FFMPEG_PATH and FFPROBE_PATH.`,
  });
}

/** The npm package's binary, made executable for this user; null where the package or its platform is not installed. */
function findBundled(tool: "ffmpeg" | "ffprobe", cacheDir: string): string | null {
  let packed: string;
  try {
    packed = (createRequire(import.meta.url)(`@${tool}-installer/${tool}`) as { path: string }).path;
  } catch {
    return null;
  }
  if (isExecutable(packed)) return packed;
  // ffprobe is packed as rwxr--r--: nobody but its owner may run it.
  try {
    chmodSync(packed, 0o755);
    return packed;
  } catch {
    // Not ours to change: a copy is.
  }
  const copy = join(cacheDir, `${tool}-bundled`);
  if (isExecutable(copy)) return copy;
  try {
    mkdirSync(cacheDir, { recursive: true });
    copyFileSync(packed, copy);
    chmodSync(copy, 0o755);
    return copy;
  } catch {
    return null;
  }
}
