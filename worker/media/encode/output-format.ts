import { extname } from "node:path";
import { type AudioFormat, audioFormats } from "../../../core/kinds/audio-formats.ts";
import type { CleanParams } from "../../../core/kinds/index.ts";
import type { MediaInfo, VideoStream } from "../probe/media-info.ts";

export interface OutputFormat {
  /** How the sound is written. */
  readonly audio: AudioFormat;
  readonly extension: string;
  readonly contentType: string;
  /** Pictures that move and are kept; their container is MP4 then. */
  readonly video: readonly VideoStream[];
}

/** Codecs that may stand in MP4 as they are. */
const mp4Video = new Set(["h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video"]);

/** What was asked for, or the input's own format where it can be written, else MP4 for video and M4A for sound. */
export function chooseOutputFormat(media: MediaInfo, wanted: CleanParams["format"]): OutputFormat {
  const video = media.video.filter((stream) => !stream.attachedPicture);
  const keepsVideo = video.length > 0 && video.every((stream) => mp4Video.has(stream.codec));
  const format = wanted ?? (keepsVideo ? "mp4" : findOwnFormat(media));
  if (format !== "mp4")
    return { audio: format, extension: format, contentType: audioFormats[format].contentType, video: [] };
  return {
    audio: "m4a",
    extension: "mp4",
    contentType: video.length > 0 ? "video/mp4" : "audio/mp4",
    video: keepsVideo ? video : [],
  };
}

function findOwnFormat(media: MediaInfo): AudioFormat {
  const [format = ""] = media.formatName.split(",");
  const codec = media.audio[0]?.codec ?? "";
  if (format === "wav" || format === "w64" || codec === "alac") return codec.startsWith("pcm_") ? "wav" : "flac";
  if (codec.startsWith("pcm_") && (format === "aiff" || format === "caf" || format === "au")) return "wav";
  if (codec === "flac" || codec === "mp3" || codec === "opus") return codec;
  return "m4a";
}

/** `talk.wav` as `talk.mp3`; of names with folders the last part. */
export function nameOutput(inputName: string, extension: string): string {
  const base = inputName.split(/[/\\]/).at(-1) ?? "";
  const stem = base.slice(0, base.length - extname(base).length);
  return `${stem === "" ? "output" : stem}.${extension}`;
}
