import { buildLayoutSteps, buildTrim, type PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import { loudnessTap, parseLoudnessTap, type TappedLoudness } from "../media/pcm/pcm-taps.ts";
import { buildInputArgs } from "../media/probe/input-args.ts";
import { runFfmpeg } from "../process/run-ffmpeg.ts";
import type { RecipeContext } from "./recipe.ts";
import type { StitchInput } from "./stitch-plan.ts";

export interface InputLoudness extends TappedLoudness {
  /** LUFS once it has the output's channels, before any gain. */
  readonly heard: number | null;
}

/** Decodes an input once to measure it, and again as it will be heard where channels are mixed down. */
export async function measureInput(
  context: Pick<RecipeContext, "toolchain" | "signal">,
  input: StitchInput,
  target: PcmFormat,
): Promise<InputLoudness> {
  const measure = async (layoutSteps: readonly string[]): Promise<TappedLoudness> => {
    const args = buildMeasureArgs(input, layoutSteps);
    const { stderrTail } = await runFfmpeg(context.toolchain, args, { signal: context.signal });
    const { trueLength, stream, media } = input;
    const seconds = trueLength.samples === null ? media.durationSeconds : trueLength.samples / stream.sampleRateHz;
    return parseLoudnessTap(stderrTail, seconds ?? Number.POSITIVE_INFINITY);
  };
  const own = await measure([]);
  if (own.integratedLufs === null || input.stream.channels === target.channels) {
    return { ...own, heard: own.integratedLufs };
  }
  // BS.1770 adds the channels' energies: the same voice from two of them reads 3 dB more.
  if (input.stream.channels === 1)
    return { ...own, heard: own.integratedLufs + (target.channels === 2 ? 10 * Math.log10(2) : 0) };
  if (input.stream.channels < target.channels) return { ...own, heard: own.integratedLufs };
  const mixed = await measure(buildLayoutSteps(input.stream, target));
  return { ...own, heard: mixed.integratedLufs };
}

/** Arguments that decode to nothing but the reading on the log. */
function buildMeasureArgs(input: StitchInput, layoutSteps: readonly string[]): readonly string[] {
  const filter = [...buildTrim(input.trueLength), ...layoutSteps, loudnessTap].join(",");
  return [
    ...input.trueLength.inputArgs,
    ...buildInputArgs(input.media),
    ...["-map", "0:a:0", "-af", filter, "-f", "null", "-"],
  ];
}
