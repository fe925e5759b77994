import { z } from "zod";
import type { AudioStream, MediaInfo, VideoStream } from "./media-info.ts";

/** Numbers come as strings or numbers, by field and version; what is not one is null. */
const numeric = z
  .union([z.string(), z.number()])
  .optional()
  .transform((value) => {
    const number = value === undefined || value === "" ? Number.NaN : Number(value);
    return Number.isFinite(number) ? number : null;
  });
const tags = z.record(z.string(), z.string()).default({});

const streamSchema = z.object({
  index: z.number(),
  codec_type: z.string().optional(),
  codec_name: z.string().default("unknown"),
  profile: z.string().optional(),
  sample_rate: numeric,
  channels: z.number().default(0),
  channel_layout: z.string().optional(),
  bit_rate: numeric,
  bits_per_sample: numeric,
  bits_per_raw_sample: numeric,
  duration: numeric,
  duration_ts: numeric,
  start_time: numeric,
  start_pts: numeric,
  time_base: z.string().optional(),
  initial_padding: numeric,
  width: z.number().default(0),
  height: z.number().default(0),
  avg_frame_rate: z.string().optional(),
  disposition: z.record(z.string(), z.number()).default({}),
  side_data_list: z.array(z.object({ rotation: numeric })).default([]),
  tags,
});
type Stream = z.output<typeof streamSchema>;

const documentSchema = z.object({
  streams: z.array(streamSchema).default([]),
  chapters: z.array(z.object({ start_time: numeric, end_time: numeric, tags })).default([]),
  format: z.object({ format_name: z.string(), duration: numeric, bit_rate: numeric, tags }),
});

/** Reads ffprobe's JSON of format, streams and chapters. Throws a ZodError when it has another shape. */
export function parseProbe(json: string): Omit<MediaInfo, "path" | "name" | "sizeBytes" | "demuxers"> {
  const { streams, chapters, format } = documentSchema.parse(JSON.parse(json));
  return {
    formatName: format.format_name,
    durationSeconds: format.duration,
    bitRate: format.bit_rate,
    tags: format.tags,
    chapterCount: chapters.length,
    chapters: chapters.map((chapter) => ({
      startSeconds: chapter.start_time ?? 0,
      endSeconds: chapter.end_time ?? 0,
      title: chapter.tags.title ?? null,
    })),
    streamCount: streams.length,
    audio: streams.filter((stream) => stream.codec_type === "audio").map(toAudio),
    video: streams.filter((stream) => stream.codec_type === "video").map(toVideo),
  };
}

function toAudio(stream: Stream): AudioStream {
  return {
    index: stream.index,
    codec: stream.codec_name,
    profile: stream.profile ?? null,
    sampleRateHz: stream.sample_rate ?? 0,
    channels: stream.channels,
    channelLayout: stream.channel_layout ?? null,
    bitRate: stream.bit_rate,
    bitsPerSample: stream.bits_per_raw_sample ?? (stream.bits_per_sample || null),
    durationSeconds: stream.duration,
    startSeconds: stream.start_time ?? 0,
    durationTs: stream.duration_ts,
    startPts: stream.start_pts,
    timeBase: parseRational(stream.time_base, "/"),
    initialPadding: stream.initial_padding,
    tags: stream.tags,
  };
}

function toVideo(stream: Stream): VideoStream {
  const rate = parseRational(stream.avg_frame_rate, "/");
  return {
    index: stream.index,
    codec: stream.codec_name,
    width: stream.width,
    height: stream.height,
    fps: rate === null || rate.numerator === 0 ? null : rate.numerator / rate.denominator,
    attachedPicture: stream.disposition.attached_pic === 1,
    rotation: stream.side_data_list.find((entry) => entry.rotation !== null)?.rotation ?? 0,
  };
}

function parseRational(text: string | undefined, separator: string): { numerator: number; denominator: number } | null {
  const [numerator, denominator] = (text ?? "").split(separator).map(Number);
  if (numerator === undefined || denominator === undefined || !(denominator > 0)) return null;
  return { numerator, denominator };
}
