/** A container that may be opened, by its first bytes: nothing else reaches a demuxer, whatever the file is called. */
export interface Container {
  readonly label: string;
  /** libavformat's demuxers for it: the whole whitelist of the runs that open the file. */
  readonly demuxers: readonly string[];
}

/** How much `detectContainer` wants to see. */
export const magicBytes = 4_096;

const make = (label: string, ...demuxers: readonly string[]): Container => ({ label, demuxers });
const bare = make("MPEG audio", "mp3", "aac", "ac3", "eac3");

type Rule = readonly [offset: number, bytes: string, container: Container];

// Bytes as latin1, so that binary signatures stay readable beside the textual ones.
const rules: readonly Rule[] = [
  [8, "WAVE", make("WAV", "wav")],
  [0, "riff\x2e\x91\xcf\x11", make("Wave64", "w64")],
  [8, "AIFF", make("AIFF", "aiff")],
  [8, "AIFC", make("AIFF", "aiff")],
  [8, "AVI ", make("AVI", "avi")],
  [0, "caff", make("CAF", "caf")],
  [0, "fLaC", make("FLAC", "flac")],
  [0, "OggS", make("Ogg", "ogg")],
  [0, "\x1a\x45\xdf\xa3", make("Matroska", "matroska")],
  [0, "#!AMR", make("AMR", "amr")],
  [0, ".snd", make("AU", "au")],
  [0, "\x30\x26\xb2\x75\x8e\x66\xcf\x11", make("ASF", "asf")],
  [0, "\x00\x00\x01\xba", make("MPEG program stream", "mpeg")],
  [0, "wvpk", make("WavPack", "wv")],
  [0, "FLV\x01", make("FLV", "flv")],
  // ID3 also stands before FLAC and bare AAC.
  [0, "ID3", make("MPEG audio", ...bare.demuxers, "flac")],
  ...["ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"].map(
    (atom): Rule => [4, atom, make("MP4/QuickTime", "mov")],
  ),
];

/** The container of a file that begins with `head`, or null when it is none that we open. */
export function detectContainer(head: Buffer): Container | null {
  const text = head.toString("latin1");
  for (const [offset, bytes, container] of rules) {
    if (text.startsWith(bytes, offset) && (offset !== 8 || isChunked(text))) return container;
  }
  if (isTransportStream(head)) return make("MPEG transport stream", "mpegts");
  // Some recorders leave zeros before the first frame.
  const start = head.findIndex((byte) => byte !== 0);
  return start >= 0 && isFrameHeader(head, start) ? bare : null;
}

const isChunked = (text: string): boolean => /^(RIFF|RIFX|RF64|BW64|FORM)/.test(text);

/** Sync bytes of three packets of 188 bytes, or of 192 with a time code before each (M2TS). */
function isTransportStream(head: Buffer): boolean {
  const follows = (first: number, step: number) => [0, 1, 2].every((packet) => head[first + packet * step] === 0x47);
  return follows(0, 188) || follows(4, 192);
}

/** MPEG audio layer I-III or ADTS (11 or 12 sync bits, no reserved values), or AC-3. */
function isFrameHeader(head: Buffer, at: number): boolean {
  const [first = 0, second = 0, third = 0] = head.subarray(at, at + 3);
  if (first === 0x0b && second === 0x77) return true;
  if (first !== 0xff) return false;
  const isAdts = (second & 0xf6) === 0xf0 && ((third >> 2) & 0x0f) < 13;
  const isLayer = (second & 0xe0) === 0xe0 && (second & 0x18) !== 0x08 && (second & 0x06) !== 0;
  return isAdts || (isLayer && third >> 4 !== 0x0f && (third & 0x0c) !== 0x0c);
}

/** Texts that libavformat would follow to other files or addresses: playlists, scripts, session descriptions. */
const scripts: readonly (readonly [RegExp, string])[] = [
  [/^#EXTM3U/, "an HLS or M3U playlist"],
  [/^ffconcat/, "an ffconcat script"],
  [/^v=0\r?\n/, "an SDP session description"],
  [/^<\?xml|^<(MPD|smil|asx|svg|html|!doctype)/i, "an XML or HTML document"],
  [/^\[playlist\]/i, "a PLS playlist"],
  [/^\[Reference\]/i, "an ASX playlist"],
  [/^(https?|rtsp|rtmp|file):\/\//i, "a list of addresses"],
];

/** What kind of reference file it is, or null. */
export function detectScript(head: Buffer): string | null {
  const text = head
    .toString("utf8")
    .replace(/^\uFEFF/, "")
    .trimStart();
  return scripts.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/**
 * How many bytes a WAV lacks of the data that its header promises; 0 when it is whole, when the header names no size
 * (a recorder that streamed wrote 0 or the largest number), or when the data chunk begins beyond `head`.
 */
export function countMissingWavBytes(head: Buffer, sizeBytes: number): number {
  if (head.toString("latin1", 0, 4) !== "RIFF") return 0;
  for (let at = 12; at + 8 <= head.length; ) {
    const size = head.readUInt32LE(at + 4);
    if (head.toString("latin1", at, at + 4) === "data") {
      // 0x7ffff000 and above are placeholders of streaming writers (sox, ffmpeg, OBS).
      return size >= 0x7ffff000 ? 0 : Math.max(0, at + 8 + size - sizeBytes);
    }
    at += 8 + size + (size & 1);
  }
  return 0;
}
