import { limits } from "../../core/limits.ts";
import { blocksPerSecond, createLevelTrack, type LevelTrack } from "../media/duck/speech-levels.ts";
import { createLoudnessMeter, type LoudnessReading } from "../media/meters/loudness-meter.ts";
import { readFloatFrames } from "../media/pcm/float-frames.ts";
import type { PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import { openPcmSource, type PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import { buildMeasureFormat, type MixInput } from "./mix-inputs.ts";
import type { RecipeContext } from "./recipe.ts";

/** One input as it was measured. */
export interface MixTrack {
  readonly input: MixInput;
  /** Of the file as it is; of its down-mix where the output has fewer channels. */
  readonly reading: LoudnessReading;
  /** K-weighted, as the file is. */
  readonly levels: LevelTrack;
  /** Largest magnitudes, squared. */
  readonly peaks: LevelTrack;
  /** What the output's channels add to its loudness, LU. */
  readonly heardLu: number;
  readonly end: PcmSourceEnd;
}

/** Decodes one input once: loudness, peak, exact length, and the level of each 10 ms. */
export async function measureMixTrack(
  context: Pick<RecipeContext, "toolchain" | "signal">,
  input: MixInput,
  target: PcmFormat,
  onSeconds: (seconds: number) => void,
): Promise<MixTrack> {
  const format = buildMeasureFormat(input, target);
  const stop = new AbortController();
  let end: PcmSourceEnd | null = null;
  const source = openPcmSource(
    context.toolchain,
    { ...input, target: format, gainDb: 0 },
    {
      measure: false,
      signal: AbortSignal.any([context.signal, stop.signal]),
      onEnd: (found) => {
        end = found;
      },
    },
  );
  // A header may say anything: what is not written to takes no memory.
  const expected =
    Math.ceil(blocksPerSecond * Math.min(limits.inputDurationSeconds, input.media.durationSeconds ?? 0)) + 1;
  const [levels, peaks] = [createLevelTrack(expected), createLevelTrack(expected)];
  const meter = createLoudnessMeter({
    ...format,
    onBlock: (meanSquare, samplePeak) => {
      levels.push(meanSquare);
      peaks.push(samplePeak ** 2);
    },
  });
  try {
    let frames = 0;
    for await (const samples of readFloatFrames(source.pcm, format.channels)) {
      meter.push(samples);
      frames += samples.length / format.channels;
      onSeconds(frames / format.sampleRateHz);
    }
    await source.duration(frames);
  } finally {
    stop.abort(new Error("the measuring has ended"));
    await source.ended.catch(() => {});
  }
  if (end === null) throw new RangeError("a source that has ended tells its length");
  // BS.1770 adds the channels' energies: one channel given to two reads 3 dB more.
  const heardLu = format.channels === 1 && target.channels === 2 ? 10 * Math.log10(2) : 0;
  return { input, reading: meter.finish(), levels, peaks, heardLu, end };
}
