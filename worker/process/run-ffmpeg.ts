import type { Readable } from "node:stream";
import { MixdownError } from "../../core/errors.ts";
import type { Toolchain } from "../media/toolchain/toolchain.ts";
import { mapProcessError, ProcessError, type ProcessResult } from "./process-error.ts";
import { parseProgress } from "./progress.ts";
import { type StartedProcess, type StartOptions, startProcess } from "./run-process.ts";

export interface FfmpegOptions extends Omit<StartOptions, "extraPipes"> {
  /** Seconds of output written so far; from `-progress`, never from the human log. */
  readonly onProgress?: ((outTimeSeconds: number) => void) | undefined;
  /** Pipes for the caller, on descriptors 4 and up (3 carries progress). @default 0 */
  readonly extraPipes?: number | undefined;
}

/**
 * Arguments that go before every command line.
 * - `level+info`: lines carry their level, so errors can be told from the summaries of filters, which are at info.
 * - `-filter_threads 1`: slice threads make afftdn burn 2.4 times the CPU for nothing.
 */
export function buildGlobalArgs(withProgress: boolean): readonly string[] {
  const common = ["-nostdin", "-hide_banner", "-nostats", "-loglevel", "level+info", "-filter_threads", "1"];
  return withProgress ? [...common, "-progress", "pipe:3"] : common;
}

/** Starts ffmpeg; `done` rejects with a MixdownError (or the abort's reason). Read what you pipe out of it. */
export function startFfmpeg(
  toolchain: Toolchain,
  args: readonly string[],
  options: FfmpegOptions = {},
): StartedProcess {
  const { onProgress, extraPipes = 0, ...rest } = options;
  const withProgress = onProgress !== undefined;
  const child = startProcess(toolchain.ffmpeg.path, [...buildGlobalArgs(withProgress), ...args], {
    ...rest,
    // The descriptors keep their numbers whether or not progress is wanted.
    extraPipes: withProgress || extraPipes > 0 ? 1 + extraPipes : 0,
  });
  const [progress, ...pipes] = child.pipes;
  if (progress !== undefined) {
    if (onProgress === undefined) progress.resume();
    else void followProgress(progress, onProgress);
  }
  const done = child.done.catch((error: unknown) => {
    throw error instanceof ProcessError ? mapFfmpegError(error) : error;
  });
  done.catch(() => {});
  return { ...child, pipes, done };
}

/** Runs ffmpeg to its end; its stdout is discarded. Throws as `startFfmpeg`'s `done` does. */
export function runFfmpeg(
  toolchain: Toolchain,
  args: readonly string[],
  options: Omit<FfmpegOptions, "extraPipes"> = {},
): Promise<ProcessResult> {
  const child = startFfmpeg(toolchain, args, options);
  child.stdout.resume();
  return child.done;
}

async function followProgress(stream: Readable, onProgress: (outTimeSeconds: number) => void): Promise<void> {
  try {
    for await (const outTimeSeconds of parseProgress(stream)) onProgress(outTimeSeconds);
  } catch {
    // The pipe broke with the child; `done` says why.
  }
}

/** The input's fault, as libavformat and libavcodec word it. */
const inputFaults =
  /Invalid data found when processing input|moov atom not found|Error while decoding stream|could not find codec parameters|Error opening input|Truncating packet|Decoder .* not found/i;

/** ffmpeg's failure as an error of the table. */
export function mapFfmpegError(error: ProcessError): MixdownError {
  const known = mapProcessError(error);
  if (known !== null) return known;
  const reason = findErrorLine(error.stderrTail);
  const { stderrTail } = error;
  if (error.signal === null && inputFaults.test(stderrTail)) {
    return new MixdownError("input_corrupt", {
      message: `The input cannot be decoded: ${reason}. Export or upload the file again.`,
      stderrTail,
      cause: error,
    });
  }
  const end = error.signal ?? `exit code ${error.exitCode}`;
  return new MixdownError("platform_ffmpeg_failed", {
    message: `ffmpeg ended with ${end}: ${reason}.`,
    stderrTail,
    cause: error,
  });
}

/** The first line at level error or worse: later ones are mostly its consequences. */
function findErrorLine(stderrTail: string): string {
  const lines = stderrTail.split("\n").filter((line) => /\[(error|fatal|panic)\]/.test(line));
  const line = lines[0] ?? stderrTail.trim().split("\n").at(-1) ?? "";
  return (
    line
      .replace(/\[[^\]]*\]\s*/g, "")
      .trim()
      .replace(/\.$/, "") || "no reason was given"
  );
}
