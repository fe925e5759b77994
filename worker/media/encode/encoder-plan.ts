import type { AudioFormat } from "../../../core/kinds/audio-formats.ts";

export interface EncoderWish {
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Bits a second of all channels; e.g. the input's where the codec stays the same. @default by codec and channels */
  readonly bitRate?: number | null;
  /** Of wav and flac: 16, 24, and 32 (float) for wav. Other values take the next that fits. @default 16 */
  readonly bitsPerSample?: number | null;
}

/** How a format is written; complete, so that whoever runs it decides nothing. */
export interface EncoderPlan {
  readonly format: AudioFormat;
  /** Name in reports, as ffprobe calls the codec. */
  readonly codec: string;
  readonly encoder: string;
  readonly codecArgs: readonly string[];
  readonly muxer: string;
  readonly muxerOptions: Readonly<Record<string, string>>;
  /** The wish's, or the nearest that the codec takes. */
  readonly sampleRateHz: number;
  readonly channels: number;
  /** Null for lossless. */
  readonly bitRate: number | null;
  /** Frames that the decoder gives before the first of the source, in the encoded rate; players skip them. */
  readonly delayFrames: number;
  /** What the encoder does to the level of everything. */
  readonly gainDb: number;
}

const mp3Rates = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
const aacRates = [...mp3Rates, 64_000, 88_200, 96_000];

/** Whether the file is to be an mp3 and nothing around it; `muxer` instead of the plan's. */
export const isBareMp3 = ({
  plan,
  muxer = plan.muxer,
}: {
  readonly plan: EncoderPlan;
  readonly muxer?: string | undefined;
}): boolean => plan.format === "mp3" && muxer === "mp3";

/** Settings of `format` for what is wished; pure. Rates and channels that the codec lacks become the nearest it has. */
export function buildEncoderPlan(format: AudioFormat, wish: EncoderWish): EncoderPlan {
  return planners[format](wish);
}

const planners: Readonly<Record<AudioFormat, (wish: EncoderWish) => EncoderPlan>> = {
  wav: (wish) => {
    const bits = wish.bitsPerSample ?? 16;
    const codec = bits <= 16 ? "pcm_s16le" : bits <= 24 ? "pcm_s24le" : "pcm_f32le";
    // RF64 takes over by itself where 4 GiB are passed.
    return { ...lossless("wav", codec, wish), muxer: "wav", muxerOptions: { rf64: "auto" } };
  },
  flac: (wish) => {
    const deep = (wish.bitsPerSample ?? 16) > 16;
    const depth = deep ? ["-sample_fmt", "s32", "-bits_per_raw_sample", "24"] : ["-sample_fmt", "s16"];
    return { ...lossless("flac", "flac", wish), codecArgs: ["-c:a", "flac", ...depth], muxer: "flac" };
  },
  mp3: (wish) => {
    const sampleRateHz = nearestRate(wish.sampleRateHz, mp3Rates);
    const channels = Math.min(2, wish.channels);
    const bitRate = nearestMp3BitRate(wish.bitRate ?? (channels === 1 ? 96_000 : 160_000), sampleRateHz);
    return {
      ...lossy("mp3", "mp3", "libmp3lame", bitRate),
      ...{ muxer: "mp3", muxerOptions: { id3v2_version: "3" }, sampleRateHz, channels },
      // LAME's 576 and the decoder's 529.
      delayFrames: 1_105,
      // LAME scales its input by 0.95 at usual bit rates, by less above (measured; the same at all sample rates).
      gainDb: bitRate <= 160_000 ? -0.445 : bitRate <= 192_000 ? -0.265 : bitRate <= 224_000 ? -0.176 : 0,
    };
  },
  m4a: (wish) => {
    const sampleRateHz = nearestRate(wish.sampleRateHz, aacRates);
    const wanted = wish.bitRate ?? (wish.channels === 1 ? 96_000 : 80_000 * wish.channels);
    // 6,144 bits a channel and block of 1,024 samples (ISO/IEC 14496-3).
    const highest = Math.min(288_000, 6 * sampleRateHz) * wish.channels;
    const bitRate = clamp(wanted, 16_000 * wish.channels, highest);
    // The default coder is meant for low bit rates. Above, the other is 2.6 times faster and closer to its input, and has
    // none of the bursts (3 dB over the peak it was given) that noise substitution brings.
    const coder = bitRate >= 64_000 * wish.channels ? ["-aac_coder", "fast"] : ["-aac_pns", "0"];
    const settings = lossy("m4a", "aac", "aac", bitRate);
    return {
      ...settings,
      codecArgs: [...settings.codecArgs, ...coder],
      ...{ muxer: "ipod", muxerOptions: { movflags: "+faststart" }, sampleRateHz, channels: wish.channels },
      delayFrames: 1_024,
      gainDb: 0,
    };
  },
  opus: (wish) => {
    const wanted = wish.bitRate ?? (wish.channels === 1 ? 64_000 : 64_000 * wish.channels);
    return {
      ...lossy("opus", "opus", "libopus", clamp(wanted, 12_000 * wish.channels, 256_000 * wish.channels)),
      // The codec works at 48 kHz whatever it is given.
      ...{ muxer: "opus", muxerOptions: {}, sampleRateHz: 48_000, channels: wish.channels },
      // Its header tells the decoder to skip them itself.
      delayFrames: 0,
      gainDb: 0,
    };
  },
};

function lossless(format: AudioFormat, codec: string, wish: EncoderWish): EncoderPlan {
  return {
    ...{ format, codec, encoder: codec, codecArgs: ["-c:a", codec], muxer: format, muxerOptions: {} },
    ...{ sampleRateHz: wish.sampleRateHz, channels: wish.channels, bitRate: null, delayFrames: 0, gainDb: 0 },
  };
}

function lossy(format: AudioFormat, codec: string, encoder: string, bitRate: number) {
  const rounded = Math.round(bitRate);
  return { format, codec, encoder, codecArgs: ["-c:a", encoder, "-b:a", String(rounded)], bitRate: rounded };
}

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** The rate itself, the next higher, or above all of them the highest that divides it. */
function nearestRate(rate: number, allowed: readonly number[]): number {
  const highest = allowed.at(-1) ?? rate;
  if (rate <= highest) return allowed.find((candidate) => candidate >= rate) ?? highest;
  return allowed.findLast((candidate) => candidate >= 32_000 && rate % candidate === 0) ?? highest;
}

/** The next higher of layer III's bit rates for that rate's MPEG version. */
function nearestMp3BitRate(bitRate: number, sampleRateHz: number): number {
  const kilobits =
    sampleRateHz >= 32_000
      ? [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
      : [8, 16, 24, 32, 40, 48, 56, 64, ...(sampleRateHz >= 16_000 ? [80, 96, 112, 128, 144, 160] : [])];
  // A measured average lies a little beside the nominal rate.
  const wanted = (bitRate / 1_000) * 0.98;
  return 1_000 * (kilobits.find((candidate) => candidate >= wanted) ?? kilobits.at(-1) ?? 128);
}
