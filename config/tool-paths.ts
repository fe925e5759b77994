import { readCacheDir } from "./compile-cache.js";

/** Where the tools of the media engine are looked for. */
export interface ToolPaths {
  readonly ffmpegPath: string | undefined;
  readonly ffprobePath: string | undefined;
  /** PATH, for the system's ffmpeg and ffprobe. */
  readonly pathVariable: string;
  /** Folder of what may be thrown away and made again: probed capabilities. */
  readonly cacheDir: string;
  /** A model for arnndn, which is used only when there is one. */
  readonly rnnModelPath: string | undefined;
}

/** Reads FFMPEG_PATH, FFPROBE_PATH, MIXDOWN_CACHE_DIR, XDG_CACHE_HOME, PATH and MIXDOWN_RNN_MODEL; empty is unset. */
export function readToolPaths(env: NodeJS.ProcessEnv = process.env): ToolPaths {
  const get = (name: string): string | undefined => env[name] || undefined;
  return {
    ffmpegPath: get("FFMPEG_PATH"),
    ffprobePath: get("FFPROBE_PATH"),
    pathVariable: get("PATH") ?? "",
    cacheDir: readCacheDir(env),
    rnnModelPath: get("MIXDOWN_RNN_MODEL"),
  };
}
