import type { AudioFormat } from "../../core/kinds/audio-formats.ts";
import { buildEncoderPlan, type EncoderPlan } from "../media/encode/encoder-plan.ts";
import { defaultLayout, type PcmFormat } from "../media/pcm/pcm-decode-args.ts";
import type { AudioStream, MediaInfo } from "../media/probe/media-info.ts";
import type { TrueLength } from "../media/probe/true-length.ts";

/** One input of a join, after the gate. */
export interface StitchInput {
  readonly media: MediaInfo;
  /** The one that is joined: the first audio stream. */
  readonly stream: AudioStream;
  readonly trueLength: TrueLength;
}

/** Before anything is decoded; for progress and weights. */
export const estimateSeconds = ({ media, stream, trueLength }: StitchInput): number =>
  trueLength.samples === null
    ? (stream.durationSeconds ?? media.durationSeconds ?? 0)
    : trueLength.samples / stream.sampleRateHz;

export interface StitchPlan {
  readonly encoder: EncoderPlan;
  /** What every input is decoded to. */
  readonly target: PcmFormat;
  /** Output arguments that carry the first input's tags over. */
  readonly tagArgs: readonly string[];
}

/**
 * What the inputs are joined to: the highest of their rates, the most of their channels and bits, as far as the output's
 * codec takes them; its bit rate where it is theirs too, per channel, so that nothing is thrown away twice.
 */
export function buildStitchPlan(inputs: readonly StitchInput[], format: AudioFormat): StitchPlan {
  const streams = inputs.map((input) => input.stream);
  const most = (values: readonly (number | null)[]) =>
    values.reduce<number>((top, value) => Math.max(top, value ?? 0), 0);
  const wish = {
    sampleRateHz: most(streams.map((stream) => stream.sampleRateHz)),
    channels: most(streams.map((stream) => stream.channels)),
    bitsPerSample: most(streams.map((stream) => stream.bitsPerSample)) || null,
  };
  const { codec, channels } = buildEncoderPlan(format, wish);
  const bitRate = most(
    inputs
      .filter(({ stream }) => stream.codec === codec)
      .map(({ stream, media }) => ((stream.bitRate ?? media.bitRate ?? 0) * channels) / stream.channels),
  );
  const encoder = buildEncoderPlan(format, bitRate > 0 ? { ...wish, bitRate } : wish);
  const channelLayout = defaultLayout(encoder.channels);
  const first = inputs[0];
  return {
    encoder,
    target: { sampleRateHz: encoder.sampleRateHz, channels: encoder.channels, channelLayout },
    tagArgs: first === undefined ? [] : buildTagArgs(first.media),
  };
}

/** The format that `media` has, or the nearest that is written here: lossless stays lossless. */
export function chooseStitchFormat({ media, stream }: StitchInput): AudioFormat {
  const { codec } = stream;
  if (codec.startsWith("pcm_")) return "wav";
  if (codec === "mp3") return "mp3";
  if (codec === "opus" || codec === "vorbis") return "opus";
  if (["flac", "alac", "wavpack"].includes(codec)) return "flac";
  return media.formatName.split(",")[0] === "mp3" ? "mp3" : "m4a";
}

/** Of the whole work, not of one track, file or encoder; the first input's name stands for the joined one. */
const keptTags = new Set([
  ...["title", "artist", "album", "album_artist", "composer", "genre", "date", "year", "language"],
  ...["comment", "description", "synopsis", "copyright", "publisher", "show"],
]);

function buildTagArgs(media: MediaInfo): readonly string[] {
  // Ogg and Opus carry them in the stream.
  const tags = { ...media.audio[0]?.tags, ...media.tags };
  const kept = Object.entries(tags).filter(([key, value]) => keptTags.has(key.toLowerCase()) && value.length <= 4096);
  return kept.flatMap(([key, value]) => ["-metadata", `${key.toLowerCase()}=${value}`]);
}
