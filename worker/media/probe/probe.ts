import { MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import { mapProcessError, ProcessError } from "../../process/process-error.ts";
import { runFfmpeg } from "../../process/run-ffmpeg.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { askFfprobe } from "./ask-ffprobe.ts";
import { checkMedia } from "./check-media.ts";
import type { Container } from "./container.ts";
import { buildInputArgs } from "./input-args.ts";
import type { MediaInfo } from "./media-info.ts";
import { countMissingBytes } from "./missing-tail.ts";
import { parseProbe } from "./parse-probe.ts";
import { readHead, requireContainer } from "./read-head.ts";

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
  const missingBytes = await countMissingBytes(path, { head, sizeBytes }, container);
  if (missingBytes > 0) {
    throw new MixdownError("input_truncated", {
      message: `${name} ends ${missingBytes} bytes too early by its own count: the recording or the upload broke off.`,
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

async function runProbe(
  toolchain: Toolchain,
  path: string,
  name: string,
  container: Container,
  signal: AbortSignal | undefined,
): Promise<string> {
  try {
    return await askFfprobe(toolchain.ffprobe.path, path, container, signal);
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
