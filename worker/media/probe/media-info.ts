/** What a file is, as its container tells it; nothing here has been decoded, so no buffer is sized by it. */
export interface MediaInfo {
  readonly path: string;
  /** What the user calls it. */
  readonly name: string;
  readonly sizeBytes: number;
  /** libavformat's, e.g. "mov,mp4,m4a,3gp,3g2,mj2". */
  readonly formatName: string;
  readonly durationSeconds: number | null;
  readonly bitRate: number | null;
  readonly tags: Readonly<Record<string, string>>;
  readonly chapterCount: number;
  readonly chapters: readonly Chapter[];
  /** Of every kind, subtitles and data too. */
  readonly streamCount: number;
  readonly audio: readonly AudioStream[];
  readonly video: readonly VideoStream[];
  /** Demuxers this file may be opened with. */
  readonly demuxers: readonly string[];
}

export interface Chapter {
  readonly startSeconds: number;
  readonly endSeconds: number;
  readonly title: string | null;
}

export interface AudioStream {
  /** Among all streams of the file. */
  readonly index: number;
  readonly codec: string;
  readonly profile: string | null;
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly channelLayout: string | null;
  readonly bitRate: number | null;
  /** Of PCM and lossless codecs. */
  readonly bitsPerSample: number | null;
  readonly durationSeconds: number | null;
  readonly startSeconds: number;
  /** Raw numbers, for those who count samples; null where the container gives none. */
  readonly durationTs: number | null;
  readonly startPts: number | null;
  readonly timeBase: { readonly numerator: number; readonly denominator: number } | null;
  readonly initialPadding: number | null;
  readonly tags: Readonly<Record<string, string>>;
}

export interface VideoStream {
  readonly index: number;
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number | null;
  /** Cover art, which is a video stream of one picture. */
  readonly attachedPicture: boolean;
  /** Degrees, as the display matrix says. */
  readonly rotation: number;
}
