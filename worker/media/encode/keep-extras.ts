import type { Warning } from "../../../core/report.ts";
import { buildInputArgs } from "../probe/input-args.ts";
import type { Chapter, MediaInfo, VideoStream } from "../probe/media-info.ts";
import type { OutputFormat } from "./output-format.ts";

/** Everything of the original but its sound, as additions to an encoder whose input 0 is the new sound. */
export interface ExtrasPlan {
  readonly inputArgs: readonly string[];
  readonly outputArgs: readonly string[];
  readonly muxer: string | undefined;
  /** Chapters reach the file only without tee. */
  readonly hasChapters: boolean;
  readonly warnings: readonly Warning[];
}

/** Values of the old sound, which would be wrong or harmful beside the new: gains, and encoder delays that players cut. */
const staleTags = [
  ...["replaygain_track_gain", "replaygain_track_peak", "replaygain_album_gain", "replaygain_album_peak"],
  ...["R128_TRACK_GAIN", "R128_ALBUM_GAIN", "iTunNORM", "iTunSMPB", "iTunPGAP", "TLEN", "encoder"],
];

/** Where cover art is a stream beside the sound. */
const artFormats: ReadonlySet<string> = new Set(["mp3", "m4a", "mp4", "flac"]);
const artCodecs: ReadonlySet<string> = new Set(["mjpeg", "png"]);

/** Covers that can be carried over as they are; one that ffprobe found no size of is damaged, and stops muxers. */
export const findCovers = (media: MediaInfo): readonly VideoStream[] =>
  media.video.filter(
    ({ attachedPicture, codec, width, height }) => attachedPicture && artCodecs.has(codec) && width * height > 0,
  );

/**
 * Keeps tags, chapters, cover art and, in MP4, the picture. Both files are ffmetadata: `chapterFile` has the chapters at
 * their new places (null: they are where they were), `coverFile` the cover as a tag, for Ogg.
 */
export function buildExtras(
  media: MediaInfo,
  output: OutputFormat,
  chapterFile: string | null,
  coverFile: string | null = null,
): ExtrasPlan {
  const art = media.video.filter((stream) => stream.attachedPicture);
  const kept = artFormats.has(output.extension) ? findCovers(media) : [];
  const files = [chapterFile, coverFile].filter((file) => file !== null);
  const pictures = [...output.video, ...kept];
  const hasChapters = media.chapters.length > 0;
  const warnings: Warning[] = [];
  if (kept.length < art.length && coverFile === null) {
    const codecs = art.map((stream) => stream.codec).join(", ");
    const isDamaged = art.some(({ width, height }) => width * height === 0);
    warnings.push({
      code: "cover_dropped",
      detail: isDamaged
        ? `Cover art (${codecs}) is damaged or of an impossible size, and is left out.`
        : `Cover art (${codecs}) is not written into ${output.extension} files.`,
    });
  }
  const dropped = media.video.filter((stream) => !stream.attachedPicture).length - output.video.length;
  if (dropped > 0)
    warnings.push({ code: "video_dropped", detail: `The picture is not kept in ${output.extension} files.` });
  return {
    inputArgs: [
      ...buildInputArgs(media),
      ...files.flatMap((path) => buildInputArgs({ path, demuxers: ["ffmetadata"] })),
    ],
    outputArgs: [
      ...pictures.flatMap((stream) => ["-map", `1:${stream.index}`]),
      ...(pictures.length > 0 ? ["-c:v", "copy"] : []),
      ...kept.flatMap((_, at) => [`-disposition:v:${output.video.length + at}`, "attached_pic"]),
      ...["-map_metadata", "1"],
      // Ogg keeps the file's tags with its stream.
      ...(media.formatName === "ogg" ? ["-map_metadata:g", `1:s:${media.audio[0]?.index ?? 0}`] : []),
      ...(coverFile === null ? [] : ["-map_metadata:g", `${1 + files.length}:g`]),
      ...["-map_chapters", chapterFile === null ? "1" : "2"],
      ...staleTags.flatMap((tag) => ["-metadata", `${tag}=`]),
    ],
    muxer: output.extension === "mp4" ? "mp4" : undefined,
    hasChapters,
    warnings,
  };
}

/** An ffmetadata file of `chapters`, milliseconds. */
export function buildChapterFile(chapters: readonly Chapter[]): string {
  const quote = (text: string) => text.replace(/[=;#\\\n]/g, "\\$&");
  const lines = chapters.flatMap(({ startSeconds, endSeconds, title }) => [
    ...["[CHAPTER]", "TIMEBASE=1/1000"],
    ...[`START=${Math.round(startSeconds * 1_000)}`, `END=${Math.round(endSeconds * 1_000)}`],
    ...(title === null ? [] : [`title=${quote(title)}`]),
  ]);
  return `${[";FFMETADATA1", ...lines].join("\n")}\n`;
}
