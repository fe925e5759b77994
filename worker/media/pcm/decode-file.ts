import { limits } from "../../../core/limits.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { buildDecodeArgs, type DecodePlan } from "./decode-floats.ts";
import { followWriter, type GrowingFile } from "./growing-file.ts";
import { describeEndless } from "./pcm-guard.ts";

/** A recording on its way into a file. */
export interface DecodingFile extends GrowingFile {
  /** The decoder's command line. */
  readonly done: Promise<{ readonly argv: readonly string[] }>;
  /** Ends the decoder, if it still runs, and waits for that. */
  close(): Promise<void>;
}

/** Decodes into `path` without passing through us. */
export function decodeToFile(toolchain: Toolchain, plan: DecodePlan, path: string, signal: AbortSignal): DecodingFile {
  const { sampleRateHz = 48_000, channels = 1, channelLayout = null } = plan.media.audio[0] ?? {};
  const stopped = new AbortController();
  const args = ["-y", ...buildDecodeArgs(plan, `file:${path}`)];
  const child = startFfmpeg(toolchain, args, { signal: AbortSignal.any([signal, stopped.signal]) });
  child.stdout.resume();
  const { file, waitFor } = followWriter(child, { path, sampleRateHz, channels, channelLayout });
  const mostFrames = limits.inputDurationSeconds * sampleRateHz;
  return {
    file,
    done: child.done,
    async waitFor(frames) {
      const there = await waitFor(Math.min(frames, mostFrames + 1));
      if (there > mostFrames) throw describeEndless(plan.media.name);
      return there;
    },
    async close() {
      stopped.abort(new Error("the decoder is not needed any more"));
      await child.done.catch(() => {});
    },
  };
}
