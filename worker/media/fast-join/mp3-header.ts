/** A layer III frame as its four header bytes tell it (ISO/IEC 11172-3, 2.4.2.3; ISO/IEC 13818-3 for the lower rates). */
export interface Mp3Header {
  readonly sampleRateHz: number;
  readonly channels: 1 | 2;
  /** Samples of each channel that a frame holds: two granules of 576 in MPEG-1, one below 32 kHz. */
  readonly samplesPerFrame: 1152 | 576;
  readonly bitRate: number;
  /** Of the whole frame. */
  readonly bytes: number;
  readonly hasCrc: boolean;
  /** Where the side information begins, and where the frame's part of the main data does. */
  readonly sideAt: number;
  readonly mainAt: number;
}

const kilobits = {
  mpeg1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  lower: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;
const baseRates = [44_100, 48_000, 32_000] as const;

/** Sync, version, layer, rate: what all frames of a stream share, whatever their bit rate, padding and stereo mode. */
export const streamBits = 0xfffe_0c00 | 0;

/** Null when the four bytes at `at` are no layer III header, or one of free format, whose frames tell no size. */
export function parseMp3Header(bytes: Buffer, at: number): Mp3Header | null {
  if (at + 4 > bytes.length) return null;
  const word = bytes.readUInt32BE(at);
  const version = (word >>> 19) & 3;
  const rateIndex = (word >>> 10) & 3;
  if (word >>> 21 !== 0x7ff || version === 1 || ((word >>> 17) & 3) !== 1 || rateIndex === 3) return null;
  const mpeg1 = version === 3;
  const bitRate = 1000 * ((mpeg1 ? kilobits.mpeg1 : kilobits.lower)[(word >>> 12) & 15] ?? 0);
  if (bitRate === 0) return null;
  const sampleRateHz = (baseRates[rateIndex] ?? 44_100) / (mpeg1 ? 1 : version === 2 ? 2 : 4);
  const channels = ((word >>> 6) & 3) === 3 ? 1 : 2;
  const hasCrc = ((word >>> 16) & 1) === 0;
  const sideAt = hasCrc ? 6 : 4;
  return {
    ...{ sampleRateHz, channels, bitRate, hasCrc, sideAt },
    samplesPerFrame: mpeg1 ? 1152 : 576,
    bytes: Math.floor(((mpeg1 ? 144 : 72) * bitRate) / sampleRateHz) + ((word >>> 9) & 1),
    mainAt: sideAt + sideBytes(mpeg1, channels),
  };
}

const sideBytes = (mpeg1: boolean, channels: 1 | 2): number =>
  mpeg1 ? (channels === 1 ? 17 : 32) : channels === 1 ? 9 : 17;

/** How far back a frame's main data may begin: nine bits of it, or eight. */
export const reservoirBytes = (samplesPerFrame: number): number => (samplesPerFrame === 1152 ? 511 : 255);

/**
 * The header of `word`'s stream, without CRC and padding, of the least bit rate whose frame has `bytes` or more; null
 * when not even the highest has.
 */
export function buildMp3Header(word: number, bytes: number): { readonly word: number; readonly bytes: number } | null {
  for (let index = 1; index < 15; index++) {
    const candidate = ((word & ~0xf200) | (index << 12) | 0x1_0000) >>> 0;
    const head = Buffer.alloc(4);
    head.writeUInt32BE(candidate);
    const parsed = parseMp3Header(head, 0);
    if (parsed !== null && parsed.bytes >= bytes) return { word: candidate, bytes: parsed.bytes };
  }
  return null;
}
