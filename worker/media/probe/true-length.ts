import { open } from "node:fs/promises";
import type { AudioStream, MediaInfo } from "./media-info.ts";
import { parseLameTag } from "./true-length-mp3.ts";
import { type Mp4Timing, type ReadAt, readMp4Timing } from "./true-length-mp4.ts";
import { readOpusSamples } from "./true-length-ogg.ts";

/**
 * How to decode a file to the very samples that went into its encoder, as far as its container knows them.
 *
 * What ffmpeg 5.1 gives by itself, over and under the source's count, for odd lengths at 16 to 48 kHz (measured):
 * - mp3 with LAME tag, Ogg Opus, WebM Opus (DiscardPadding), FLAC, ALAC, WAV: exact.
 * - m4a of ffmpeg: -1 to +1023. The edit list is in movie ticks (1 ms), its end is cut on packets, not samples; `stts`
 *   holds the exact length, because the last packet's duration is shortened. Opus in MP4: up to +1045 likewise.
 * - Ogg Vorbis: exact, but -128 where all audio lies on one page (the page's end is counted from its second packet).
 * - ADTS, mp3 without tag, aac and vorbis in Matroska: everything that was coded; nobody noted what belongs to it.
 */
export interface TrueLength {
  /** Input options for ffmpeg, so that it gives all decoded samples and leaves cutting to us. */
  readonly inputArgs: readonly string[];
  /** First sample of the recording among those that are decoded with `inputArgs`, at the stream's rate. */
  readonly startSample: number;
  /** Samples of the recording; null: all that are decoded from `startSample` on. */
  readonly samples: number | null;
  /** Whose numbers these are. */
  readonly source: "itunsmpb" | "mp4-edit-list" | "lame-tag" | "granule" | "header" | "decoded";
}

const asDecoded: TrueLength = { inputArgs: [], startSample: 0, samples: null, source: "decoded" };

/** Export skip counts as side data instead of acting on them (libavcodec's AV_CODEC_FLAG2_SKIP_MANUAL). */
const keepAll = ["-flags2", "+skip_manual"];

/** Formats whose header or last granule counts the samples of the very codecs that they hold here. */
const countingFormats = new Set(["wav", "w64", "aiff", "caf", "flac", "wv"]);

/** The true length of the first audio stream. Reads headers only; what cannot be read is left to the decoder. */
export async function readTrueLength(media: MediaInfo): Promise<TrueLength> {
  const stream = media.audio[0];
  if (stream === undefined) return asDecoded;
  const format = media.formatName.split(",")[0] ?? "";
  if (format === "mov") {
    const timing = await withFile(media.path, readMp4Timing);
    return timing === null ? asDecoded : deriveMp4Length(timing, stream, findTag(media, "iTunSMPB"));
  }
  if (format === "mp3") return withFile(media.path, async (read) => deriveMp3Length(await read(0, mp3HeadBytes), read));
  return deriveCountedLength(format, stream);
}

/**
 * Samples that a file of our own encoders promises by its header: what drift is counted from.
 * Throws a RangeError for a format that promises none.
 */
export async function readWrittenSamples(media: MediaInfo): Promise<number> {
  const opus = media.audio[0]?.codec === "opus";
  const samples = opus
    ? await withFile(media.path, (read) => readOpusSamples(read, media.sizeBytes))
    : (await readTrueLength(media)).samples;
  if (samples === null) throw new RangeError(`${media.formatName} does not tell how many samples it holds`);
  return samples;
}

/** More than any ID3 tag without pictures; behind a larger one the frame is read at its place. */
const mp3HeadBytes = 16_384;

/** From the boxes of an MP4 or QuickTime file and, where iTunes wrote one, its gapless tag. */
export function deriveMp4Length(
  timing: Mp4Timing,
  stream: Pick<AudioStream, "sampleRateHz" | "codec">,
  smpb: string | undefined,
): TrueLength {
  const toSamples = (units: number) => Math.round((units * stream.sampleRateHz) / timing.mediaTimescale);
  const inputArgs = ["-ignore_editlist", "1", ...keepAll];
  const decoded = toSamples(timing.mediaDuration);
  const gapless = parseItunSmpb(smpb);
  if (gapless !== null && decoded > 0) {
    // HE-AAC: Apple counts before the band replication doubles the rate, and leaves out its delay of 481 (ISO 14496-24),
    // which FhG includes, who counts after (hydrogenaud.io, topics 98450 and 107952).
    const scale = Math.round(decoded / gapless.total);
    const agrees = (scale === 1 || scale === 2) && Math.abs(decoded - gapless.total * scale) <= 2048 * scale;
    if (agrees) {
      const startSample = gapless.delay * scale + (scale === 2 ? 962 : 0);
      return { inputArgs, startSample, samples: gapless.samples * scale, source: "itunsmpb" };
    }
  }
  // An empty edit (media time -1) only delays the track; it is not part of the recording.
  const edits = timing.edits.filter((edit) => edit.mediaTime >= 0);
  const [edit, second] = edits;
  // Cut and rearranged by somebody, or Opus without the edit that cuts its pre-skip: ffmpeg follows these by itself.
  if (second !== undefined || (edit === undefined && stream.codec === "opus")) return asDecoded;
  const mediaTime = edit?.mediaTime ?? 0;
  const remaining = Math.max(0, timing.mediaDuration - mediaTime);
  const tick = timing.mediaTimescale / timing.movieTimescale;
  const shown = (edit?.segmentDuration ?? 0) * tick;
  // Within a tick of the whole rest the edit means the rest, which `stts` knows to the sample; less is a real cut.
  const length = shown > 0 && shown < remaining - tick ? shown : remaining;
  return {
    inputArgs,
    startSample: toSamples(mediaTime),
    samples: toSamples(length),
    source: "mp4-edit-list",
  };
}

/** `" 00000000 00000840 000001CA 00000000003F31F6 …"`: encoder delay, padding and length in samples, in hexadecimal. */
export function parseItunSmpb(
  tag: string | undefined,
): { readonly delay: number; readonly samples: number; readonly total: number } | null {
  const match = /^\s*[\dA-F]{8} ([\dA-F]{8}) ([\dA-F]{8}) ([\dA-F]{16})/i.exec(tag ?? "");
  if (match === null) return null;
  const [delay = 0, padding = 0, samples = 0] = match.slice(1).map((digits) => Number.parseInt(digits, 16));
  return samples > 0 ? { delay, samples, total: delay + padding + samples } : null;
}

async function deriveMp3Length(head: Buffer, read: ReadAt): Promise<TrueLength> {
  let tag = parseLameTag(head);
  if (tag?.kind === "further") tag = parseLameTag(await read(tag.offset, mp3HeadBytes));
  // ffmpeg cuts by the same tag; the number is known beforehand here, and tells when the file ends early.
  return tag?.kind === "lame" ? { ...asDecoded, samples: tag.samples, source: "lame-tag" } : asDecoded;
}

function deriveCountedLength(format: string, stream: AudioStream): TrueLength {
  const { durationTs, timeBase, sampleRateHz, codec } = stream;
  const countsSamples = timeBase?.numerator === 1 && timeBase.denominator === sampleRateHz;
  if (!countsSamples || durationTs === null || durationTs <= 0) return asDecoded;
  if (format === "ogg" && codec === "vorbis") {
    return { inputArgs: keepAll, startSample: 0, samples: durationTs, source: "granule" };
  }
  if (format === "ogg" && codec === "flac") return { ...asDecoded, samples: durationTs, source: "granule" };
  return countingFormats.has(format) ? { ...asDecoded, samples: durationTs, source: "header" } : asDecoded;
}

function findTag(media: MediaInfo, name: string): string | undefined {
  const tags = { ...media.tags, ...media.audio[0]?.tags };
  return Object.entries(tags).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
}

async function withFile<T>(path: string, use: (read: ReadAt) => Promise<T>): Promise<T> {
  const file = await open(path);
  try {
    return await use(async (offset, length) => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await file.read(buffer, 0, length, offset);
      return buffer.subarray(0, bytesRead);
    });
  } finally {
    await file.close();
  }
}
