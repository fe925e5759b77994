import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { MixdownError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { mapProcessError, ProcessError } from "../process/process-error.ts";
import { runFfmpeg } from "../process/run-ffmpeg.ts";
import { runProcess } from "../process/run-process.ts";
import { checkMedia } from "./check-media.ts";
import { type Container, countMissingWavBytes, detectContainer, detectScript, magicBytes } from "./container.ts";
import { buildGuardArgs, buildInputArgs } from "./input-args.ts";
import type { MediaInfo } from "./media-info.ts";
import { parseProbe } from "./parse-probe.ts";
import type { Toolchain } from "./toolchain.ts";

/** A header is read within a second; this one is not a header. */
const probeBounds = { timeoutMs: 30_000, cpuSeconds: 30 };

/** Reading through the packets of the largest input; a length that is still unknown then is found by who decodes. */
const scanBounds = { timeoutMs: 120_000, bounds: { cpuSeconds: 60 } };

/**
 * The gate before any work: the file is there, small enough, begins like media that we open, is that media, and keeps
 * every limit. `name` is what the user calls it.
 * Throws input_* and limit_* with a sentence; platform_* when the tools fail.
 */
export async function probeMedia(
  toolchain: Toolchain,
  path: string,
  name: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<MediaInfo> {
  const { sizeBytes, head } = await readHead(path, name);
  const container = requireContainer(head, name);
  const missingBytes = container.label === "WAV" ? countMissingWavBytes(head, sizeBytes) : 0;
  if (missingBytes > 0) {
    throw new MixdownError("input_truncated", {
      message: `${name} ends ${missingBytes} bytes before its header says: the recording or the upload broke off.`,
    });
  }
  const stdout = await runProbe(toolchain, path, name, container, options.signal);
  let parsed: ReturnType<typeof parseProbe>;
  try {
    parsed = parseProbe(stdout);
  } catch (cause) {
    throw new MixdownError("input_corrupt", {
      message: `${name} looks like ${container.label} but cannot be read.`,
      cause,
    });
  }
  const media: MediaInfo = { ...parsed, path, name, sizeBytes, demuxers: container.demuxers };
  checkMedia(media);
  if (media.durationSeconds !== null) return media;
  const measured = { ...media, durationSeconds: await scanDuration(toolchain, media, options.signal) };
  checkMedia(measured);
  return measured;
}

/** Length by the packets' times, for files that name none (recorded live, cut off, or made to hide it); or null. */
async function scanDuration(
  toolchain: Toolchain,
  media: MediaInfo,
  signal: AbortSignal | undefined,
): Promise<number | null> {
  let seconds: number | null = null;
  const untilTooLong = ["-t", String(limits.inputDurationSeconds + 60)];
  const args = [...buildInputArgs(media), ...["-map", "0:a:0", "-c", "copy"], ...untilTooLong, ...["-f", "null", "-"]];
  try {
    await runFfmpeg(toolchain, args, { ...scanBounds, signal, onProgress: (outTime) => (seconds = outTime) });
  } catch (error) {
    if (signal?.aborted === true) throw error;
  }
  return seconds;
}

/** Arguments of ffprobe for a file of that container. */
export function buildProbeArgs(path: string, container: Container): readonly string[] {
  return [
    ...["-v", "error", "-hide_banner", ...buildGuardArgs(container.demuxers)],
    ...["-show_format", "-show_streams", "-show_chapters", "-print_format", "json"],
    `file:${resolve(path)}`,
  ];
}

async function runProbe(
  toolchain: Toolchain,
  path: string,
  name: string,
  container: Container,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    const { timeoutMs, cpuSeconds } = probeBounds;
    const args = buildProbeArgs(path, container);
    const { stdout } = await runProcess(toolchain.ffprobe.path, args, { signal, timeoutMs, bounds: { cpuSeconds } });
    return stdout.toString("utf8");
  } catch (error) {
    if (!(error instanceof ProcessError)) throw error;
    const known = mapProcessError(error);
    if (known?.source === "user") {
      throw new MixdownError(known.code, {
        message: `${name} takes more than its header may: ${known.message} Export or upload the file again.`,
        stderrTail: error.stderrTail,
        cause: known,
      });
    }
    if (known !== null) throw known;
    const truncated = /moov atom not found|End of file|partial file/i.test(error.stderrTail);
    throw new MixdownError(truncated ? "input_truncated" : "input_corrupt", {
      message: truncated
        ? `${name} is ${container.label} but ends before its index: the recording or the upload broke off.`
        : `${name} looks like ${container.label} but cannot be read: it is damaged. Export or upload the file again.`,
      stderrTail: error.stderrTail,
      cause: error,
    });
  }
}

async function readHead(path: string, name: string): Promise<{ sizeBytes: number; head: Buffer }> {
  const fail = (cause: NodeJS.ErrnoException): never => {
    if (cause.code === "ENOENT" || cause.code === "ENOTDIR") {
      throw new MixdownError("input_not_found", { message: `${name} does not exist. Check the path.`, cause });
    }
    throw new MixdownError("input_unreadable", { message: `${name} cannot be opened (${cause.code}).`, cause });
  };
  // Looked at before it is opened: opening a named pipe would wait for a writer.
  const { size: sizeBytes, ...found } = await stat(path).then(
    (entry) => ({ size: entry.size, isFile: entry.isFile(), isFolder: entry.isDirectory() }),
    fail,
  );
  if (!found.isFile) {
    const what = found.isFolder ? "a folder" : "not a regular file";
    throw new MixdownError("input_unreadable", { message: `${name} is ${what}. Give a file.` });
  }
  if (sizeBytes === 0) throw new MixdownError("input_empty", { message: `${name} is empty (0 bytes).` });
  if (sizeBytes > limits.inputBytes) {
    const gibibytes = (bytes: number) => (bytes / 1024 ** 3).toFixed(1);
    throw new MixdownError("limit_input_size", {
      message: `${name} is ${gibibytes(sizeBytes)} GiB; at most ${gibibytes(limits.inputBytes)} GiB are allowed. Split it first.`,
    });
  }
  const handle = await open(path).catch(fail);
  try {
    const head = Buffer.alloc(Math.min(magicBytes, sizeBytes));
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    return { sizeBytes, head: head.subarray(0, bytesRead) };
  } finally {
    await handle.close();
  }
}

function requireContainer(head: Buffer, name: string): Container {
  const container = detectContainer(head);
  if (container !== null) return container;
  const script = detectScript(head);
  if (script !== null) {
    throw new MixdownError("input_format_refused", {
      message: `${name} is ${script}, which points to other files. Give the audio or video file itself.`,
    });
  }
  throw new MixdownError("input_not_media", {
    message: `${name} is not an audio or video file that is known here. Give WAV, FLAC, MP3, M4A, Ogg, MP4, MKV or the like.`,
  });
}
