import type { LoudnessReading } from "../media/meters/loudness-meter.ts";
import { defaultLayout, type PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import { openPcmSource, type PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import type { RecipeContext } from "./recipe.ts";
import type { StitchInput } from "./stitch-plan.ts";

/** LUFS, LU and dBTP, as in a `LoudnessReading`. */
export type InputReading = Omit<LoudnessReading, "frames">;

export interface InputLoudness extends InputReading {
  /** LUFS once it has the output's channels, before any gain. */
  readonly heard: number | null;
}

/** Whether an input has more channels than the output: how loud it is can then not be told from what comes of it. */
export const isMixedDown = ({ stream }: StitchInput, target: PcmFormat): boolean => stream.channels > target.channels;

/** How loud an input is by itself, given how loud it is with the output's channels; it is not mixed down. */
export function readOwn(reading: InputReading, { stream }: StitchInput, target: PcmFormat): InputReading {
  // BS.1770 adds the channels' energies: the same voice from two of them reads 3 dB more.
  const doubled = stream.channels === 1 && target.channels === 2 && reading.integratedLufs !== null;
  if (!doubled) return reading;
  return { ...reading, integratedLufs: (reading.integratedLufs as number) - 10 * Math.log10(2) };
}

/** Decodes an input once to measure it, and again as it will be heard where channels are mixed down. */
export async function measureInput(
  context: Pick<RecipeContext, "toolchain" | "signal">,
  input: StitchInput,
  target: PcmFormat,
): Promise<InputLoudness> {
  const heard = await measureAs(context, input, target);
  if (!isMixedDown(input, target)) return { ...readOwn(heard, input, target), heard: heard.integratedLufs };
  const { channels } = input.stream;
  const own = await measureAs(context, input, { ...target, channels, channelLayout: defaultLayout(channels) });
  return { ...own, heard: heard.integratedLufs };
}

async function measureAs(
  { toolchain, signal }: Pick<RecipeContext, "toolchain" | "signal">,
  input: StitchInput,
  target: PcmFormat,
): Promise<InputReading> {
  const stop = new AbortController();
  let end: PcmSourceEnd | null = null;
  const source = openPcmSource(
    toolchain,
    { ...input, target, gainDb: 0 },
    {
      measure: true,
      signal: AbortSignal.any([signal, stop.signal]),
      onEnd: (found) => {
        end = found;
      },
    },
  );
  try {
    let bytes = 0;
    for await (const chunk of source.pcm) bytes += chunk.length;
    await source.duration(bytes / (4 * target.channels));
  } catch (error) {
    stop.abort(error);
    throw error;
  } finally {
    await source.ended.catch(() => {});
  }
  const { loudness } = end as unknown as PcmSourceEnd;
  return loudness as InputReading;
}
