import { MixdownError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { buildTrim } from "../media/pcm/pcm-decode-args.ts";
import { describeEndless } from "../media/pcm/pcm-guard.ts";
import { buildInputArgs } from "../media/probe/input-args.ts";
import type { MediaInfo } from "../media/probe/media-info.ts";
import { probeMedia } from "../media/probe/probe.ts";
import { readTrueLength, type TrueLength } from "../media/probe/true-length.ts";
import { createPeaksAccumulator, type PeakBits, type Peaks } from "../media/waveform/peaks.ts";
import { startFfmpeg } from "../process/run-ffmpeg.ts";
import { createYoungSweeper } from "../process/sweep-young.ts";
import type { RecipeContext } from "./recipe.ts";

export interface PeaksOptions {
  readonly samplesPerPixel: number;
  readonly bits: PeakBits;
}

export type PeaksContext = Pick<RecipeContext, "toolchain" | "signal"> & Partial<Pick<RecipeContext, "onProgress">>;

/**
 * The waveform of a file's first audio stream, decoded once; what an encoder added before and behind it is left out.
 * `name` is what the user calls the file. Throws as `probeMedia` and `startFfmpeg` do.
 */
export async function makePeaks(
  context: PeaksContext,
  options: PeaksOptions,
  path: string,
  name: string = path,
): Promise<Peaks> {
  const { toolchain, signal, onProgress = () => {} } = context;
  onProgress("probing", 0);
  const media = await probeMedia(toolchain, path, name, { signal });
  const [stream] = media.audio;
  const { sampleRateHz = 0, channels = 0, durationSeconds = null } = stream ?? {};
  const accumulator = createPeaksAccumulator({ ...options, sampleRateHz, channels });
  const expectedBytes = (durationSeconds ?? media.durationSeconds ?? 0) * sampleRateHz * channels * 2;
  const child = startFfmpeg(toolchain, buildPeaksArgs(media, await readTrueLength(media)), { signal });
  const sweep = createYoungSweeper();
  let bytes = 0;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    accumulator.push(chunk);
    sweep(chunk.length);
    bytes += chunk.length;
    if (bytes > limits.inputDurationSeconds * sampleRateHz * channels * 2) throw describeEndless(name);
    if (expectedBytes > 0) onProgress("processing", Math.min(99, Math.floor((100 * bytes) / expectedBytes)));
  }
  await child.done;
  if (bytes === 0) {
    const message = `${name} has an audio stream without a single sample that can be decoded. Export it again.`;
    throw new MixdownError("input_empty", { message });
  }
  onProgress("processing", 100);
  return accumulator.finish();
}

/** Arguments that decode the first audio stream as it is to s16le on stdout, cut to its true length. */
function buildPeaksArgs(media: MediaInfo, trueLength: TrueLength): readonly string[] {
  // Large frames: a write to the pipe for each packet of 1,152 samples costs a third more time.
  const filter = [...buildTrim(trueLength), "asetnsamples=16384:p=0"].join(",");
  return [
    ...trueLength.inputArgs,
    ...buildInputArgs(media),
    // Packet by packet: with full buffers (float-args.ts) this takes a tenth longer, for the reader waits more.
    ...["-map", "0:a:0", "-af", filter, "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"],
  ];
}
