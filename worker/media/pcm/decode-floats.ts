import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { buildInputArgs } from "../probe/input-args.ts";
import type { MediaInfo } from "../probe/media-info.ts";
import type { TrueLength } from "../probe/true-length.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { buildFloatOutput } from "./float-args.ts";
import { readFloatFrames } from "./float-frames.ts";
import { createPcmGuard } from "./pcm-guard.ts";

export interface DecodePlan {
  readonly media: MediaInfo;
  readonly trueLength: TrueLength;
  /**
   * Beside a picture the sound must keep its place: gaps of the timestamps become silence, and it begins where the
   * container's time does. The true length is then the timestamps', not the encoder's.
   */
  readonly followTimestamps: boolean;
}

/** Decodes the first audio stream at its own rate and channels to f32le, by default on stdout. */
export function buildDecodeArgs(
  { media, trueLength, followTimestamps }: DecodePlan,
  target: "pipe:1" | `file:${string}` = "pipe:1",
): readonly string[] {
  const { inputArgs, startSample, samples } = trueLength;
  const cut: string[] = [];
  if (startSample > 0) cut.push(`start_sample=${startSample}`);
  if (samples !== null) cut.push(`end_sample=${startSample + samples}`);
  const filters = followTimestamps
    ? ["aresample=async=1:min_hard_comp=0.02:first_pts=0"]
    : cut.length > 0
      ? [`atrim=${cut.join(":")}`]
      : [];
  return [
    ...(followTimestamps ? [] : inputArgs),
    ...buildInputArgs(media),
    ...["-map", "0:a:0", ...(filters.length > 0 ? ["-filter:a", filters.join(",")] : [])],
    ...buildFloatOutput(target),
  ];
}

export interface Decoded {
  readonly argv: readonly string[];
  /** Samples that were no numbers, or far beyond any level, and became silence. */
  readonly silencedSamples: number;
}

/** Runs such a decode and hands on its frames in order. Throws as ffmpeg's `done` and the guard do. */
async function decodeFloats(
  toolchain: Toolchain,
  plan: DecodePlan,
  signal: AbortSignal,
  take: (samples: Float32Array) => void | Promise<void>,
): Promise<Decoded> {
  const { sampleRateHz = 48_000, channels = 1 } = plan.media.audio[0] ?? {};
  const guard = createPcmGuard({ name: plan.media.name, sampleRateHz, channels });
  const stopped = new AbortController();
  const child = startFfmpeg(toolchain, buildDecodeArgs(plan), { signal: AbortSignal.any([signal, stopped.signal]) });
  try {
    for await (const samples of readFloatFrames(child.stdout, channels)) {
      guard.check(samples);
      const pending = take(samples);
      // Awaited only where there is something to wait for: a turn of the event loop for each 64 kB adds up.
      if (pending !== undefined) await pending;
    }
    return { argv: (await child.done).argv, silencedSamples: guard.silenced };
  } catch (error) {
    stopped.abort(error);
    await child.done.catch(() => {});
    throw error;
  }
}

/** A decode that can be asked for more than once, with the same samples each time. */
export interface PcmFeed {
  readonly plan: DecodePlan;
  run(signal: AbortSignal, take: (samples: Float32Array) => void | Promise<void>): Promise<Decoded>;
}

/** 24 MB: about a minute of stereo. For a longer file another decode is a small part of the work. */
const keptSamples = 6_000_000;

/** Keeps what a short file gave: to start ffmpeg once more would take longer than all else that is done to it. */
export function createPcmFeed(toolchain: Toolchain, plan: DecodePlan): PcmFeed {
  let kept: { readonly chunks: readonly Float32Array[]; readonly decoded: Decoded } | null = null;
  return {
    plan,
    async run(signal, take) {
      if (kept !== null) {
        for (const samples of kept.chunks) {
          signal.throwIfAborted();
          await take(samples);
        }
        return kept.decoded;
      }
      const chunks: Float32Array[] = [];
      let count = 0;
      const decoded = await decodeFloats(toolchain, plan, signal, (samples) => {
        count += samples.length;
        if (count <= keptSamples) chunks.push(samples);
        else chunks.length = 0;
        return take(samples);
      });
      if (count <= keptSamples) kept = { chunks, decoded };
      return decoded;
    },
  };
}
