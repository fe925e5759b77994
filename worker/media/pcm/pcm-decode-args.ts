import { buildInputArgs } from "../probe/input-args.ts";
import type { AudioStream, MediaInfo } from "../probe/media-info.ts";
import type { TrueLength } from "../probe/true-length.ts";
import { buildFloatOutput } from "./float-args.ts";

/** The PCM that all inputs of a join are brought to. */
export interface PcmFormat {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** libavutil's name, e.g. "stereo" or "5.1". */
  readonly channelLayout: string;
}

/** libavutil's default layouts; raw PCM carries no other, and decoders give no other for its channels. */
const defaultLayouts = ["mono", "stereo", "2.1", "4.0", "5.0", "5.1", "6.1", "7.1"];

export const defaultLayout = (channels: number): string => defaultLayouts[channels - 1] ?? "stereo";

export interface PcmDecodePlan {
  readonly media: MediaInfo;
  readonly stream: AudioStream;
  readonly trueLength: TrueLength;
  readonly target: PcmFormat;
  readonly gainDb: number;
  /** A filter that looks at the recording as it is, before gain and resampling; it logs and gives nothing on. */
  readonly tap?: string | undefined;
}

/**
 * Arguments that decode the first audio stream to f32le, by default on stdout: cut to its true length in its own samples, then gain,
 * rate and layout. The tail of the resampler is flushed, so that count × ratio frames come, or one more.
 */
export function buildPcmDecodeArgs(
  plan: PcmDecodePlan,
  target: "pipe:1" | `file:${string}` = "pipe:1",
): readonly string[] {
  const { media, trueLength } = plan;
  return [
    ...trueLength.inputArgs,
    ...buildInputArgs(media),
    ...["-filter_complex", buildPcmDecodeGraph(plan), "-map", "[out]"],
    // s16 and s24 sources fit in f32 without loss; nothing is dithered.
    ...buildFloatOutput(target),
  ];
}

export function buildPcmDecodeGraph({ stream, trueLength, target, gainDb, tap }: PcmDecodePlan): string {
  const steps = [
    "[0:a:0]anull",
    ...buildTrim(trueLength),
    ...(tap === undefined ? [] : [`asplit=2[tapped][kept];[tapped]${tap},anullsink;[kept]anull`]),
    ...(gainDb === 0 ? [] : [`volume=${gainDb}dB:precision=float`]),
    ...(stream.sampleRateHz === target.sampleRateHz ? [] : [`aresample=${target.sampleRateHz}:${resampler}`]),
    ...buildLayoutSteps(stream, target),
    // Large frames: a write to the pipe for each packet of 1,152 samples costs a third more time.
    "asetnsamples=16384:p=0",
  ];
  return `${steps.join(",")}[out]`;
}

/**
 * 64 taps: swresample's default of 32 leaves a 20 kHz tone in 44.1 to 48 kHz at 22 dB SNR, this at 89 and more at every
 * frequency, for a fifth more time (soxr: 61 dB there, and not in every build).
 */
const resampler = "filter_size=64:exact_rational=1:osf=flt";

/** Cuts decoded samples to the recording. */
export function buildTrim({ startSample, samples }: TrueLength): readonly string[] {
  if (samples === null && startSample === 0) return [];
  const end = samples === null ? "" : `:end_sample=${startSample + samples}`;
  return [`atrim=start_sample=${startSample}${end}`];
}

/** Brings the channels, as floats, to the target's layout. */
export function buildLayoutSteps(stream: Pick<AudioStream, "channels">, target: PcmFormat): readonly string[] {
  // ffmpeg's own way from mono takes 3 dB off each channel; a voice would sink where its file is mono.
  const upmix = stream.channels === 1 && target.channels === 2 ? ["pan=stereo|c0=c0|c1=c0"] : [];
  return [...upmix, `aformat=sample_fmts=flt:channel_layouts=${target.channelLayout}`];
}
