import { MixdownError } from "../../core/errors.ts";
import { defaultLayout, type PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import { probeMedia } from "../media/probe/probe.ts";
import { readTrueLength } from "../media/probe/true-length.ts";
import { mapBounded } from "../process/map-bounded.ts";
import type { RecipeContext } from "./recipe.ts";
import type { StitchInput } from "./stitch-plan.ts";

/** An input after the gate, with its place among the job's. */
export interface MixInput extends StitchInput {
  readonly index: number;
}

export interface MixInputs {
  /** In the order in which they follow one another. */
  readonly narration: readonly MixInput[];
  readonly music: MixInput;
}

const concurrency = 2;

/** Probes all inputs. The roles were checked when the job was accepted. */
export async function probeMixInputs(context: RecipeContext): Promise<MixInputs> {
  context.onProgress("probing", 0);
  const probed = await mapBounded(context.inputs, concurrency, async ({ path, name }, index) => {
    const media = await probeMedia(context.toolchain, path, name, { signal: context.signal });
    const [stream] = media.audio;
    // The gate refuses a file without audio.
    if (stream === undefined) throw new RangeError(`${name} passed the gate without audio`);
    return { media, stream, trueLength: await readTrueLength(media), index };
  });
  const music = probed.find(({ index }) => context.inputs[index]?.role === "music");
  if (music === undefined) throw new RangeError("a mix without music was accepted");
  return { narration: probed.filter((input) => input !== music), music };
}

/** Seconds by the container, for progress and for how much music will be needed. */
export const estimateSeconds = ({ media, stream, trueLength }: StitchInput): number =>
  trueLength.samples === null
    ? (stream.durationSeconds ?? media.durationSeconds ?? 0)
    : trueLength.samples / stream.sampleRateHz;

/**
 * The part of the music that is used: from the offset on, at most `neededSeconds`.
 * @throws MixdownError `input_range` where the file is known to end before
 */
export function cutMusic(music: MixInput, offsetSeconds: number, neededSeconds: number): MixInput {
  const { stream, trueLength } = music;
  const offset = Math.round(offsetSeconds * stream.sampleRateHz);
  const needed = Math.ceil(neededSeconds * stream.sampleRateHz);
  const rest = trueLength.samples === null ? null : trueLength.samples - offset;
  if (rest !== null && rest <= 0 && offset > 0) throw musicTooShort(music, offsetSeconds);
  return {
    ...music,
    trueLength: {
      ...trueLength,
      startSample: trueLength.startSample + offset,
      samples: rest === null ? needed : Math.min(rest, needed),
    },
  };
}

export const musicTooShort = (music: MixInput, offsetSeconds: number): MixdownError =>
  new MixdownError("input_range", {
    message: `The music is to begin at ${offsetSeconds} s, but ${music.media.name} is ${estimateSeconds(music).toFixed(3)} s long. Choose an earlier time.`,
  });

/** How a file is measured: at its own rate and, unless the output has fewer, with its own channels. */
export function buildMeasureFormat({ stream }: StitchInput, target: PcmFormat): PcmFormat {
  if (stream.channels > target.channels) return { ...target, sampleRateHz: stream.sampleRateHz };
  const channelLayout = defaultLayout(stream.channels);
  return { sampleRateHz: stream.sampleRateHz, channels: stream.channels, channelLayout };
}
