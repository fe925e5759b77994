import { stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../../core/limits.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { buildDecodeArgs, type DecodePlan } from "./decode-floats.ts";
import type { PcmFile } from "./pcm-file.ts";
import { describeEndless } from "./pcm-guard.ts";

/** A recording on its way into a file. */
export interface DecodingFile {
  readonly file: PcmFile;
  /** Waits until so many frames are there, or all; gives what is there. Throws as ffmpeg does. */
  waitFor(frames: number): Promise<number>;
  /** The decoder's command line. */
  readonly done: Promise<{ readonly argv: readonly string[] }>;
  /** Ends the decoder, if it still runs, and waits for that. */
  close(): Promise<void>;
}

/** A minute of stereo takes ffmpeg some 50 ms. */
const pollMs = 10;

/** Decodes into `path` without passing through us: whoever needs a part reads it there, at any place, in any thread. */
export function decodeToFile(toolchain: Toolchain, plan: DecodePlan, path: string, signal: AbortSignal): DecodingFile {
  const { sampleRateHz = 48_000, channels = 1, channelLayout = null } = plan.media.audio[0] ?? {};
  const stopped = new AbortController();
  const args = ["-y", ...buildDecodeArgs(plan, `file:${path}`)];
  const child = startFfmpeg(toolchain, args, { signal: AbortSignal.any([signal, stopped.signal]) });
  child.stdout.resume();
  let ended = false;
  const end = () => {
    ended = true;
  };
  child.done.then(end, end);
  const mostFrames = limits.inputDurationSeconds * sampleRateHz;
  return {
    file: { path, sampleRateHz, channels, channelLayout },
    done: child.done,
    async waitFor(frames) {
      for (;;) {
        const isAll = ended;
        if (isAll) await child.done;
        const { size } = await stat(path).catch(() => ({ size: 0 }));
        const there = Math.floor(size / (4 * channels));
        if (there > mostFrames) throw describeEndless(plan.media.name);
        if (isAll || there >= frames) return there;
        await Promise.race([sleep(pollMs), child.done]);
      }
    },
    async close() {
      if (!ended) stopped.abort(new Error("the decoder is not needed any more"));
      await child.done.catch(() => {});
    },
  };
}
