import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import type { AudioFormat } from "../../../core/kinds/audio-formats.ts";
import type { EncodeRequest, EncodeResult } from "../encode/encode.ts";
import { encodeOnCores } from "../encode/encode-parallel.ts";
import type { EncoderPlan } from "../encode/encoder-plan.ts";
import { isWrittenByThreads, type WavRequest } from "../encode/wav-segments.ts";
import { createLoudnessMeter, type LoudnessReading } from "../meters/loudness-meter.ts";
import { readFloatFrames } from "../pcm/float-frames.ts";
import type { FrameFilter } from "../pcm/frame-filter.ts";
import type { GrowingFile } from "../pcm/growing-file.ts";
import type { PcmFile } from "../pcm/pcm-file.ts";
import { createMasteringLimiter, foreseeOver, mostPlainDb } from "./mastering-limiter.ts";
import { repairPeaks } from "./repair-peaks.ts";

export interface MasteringTarget {
  readonly loudnessLufs: number;
  readonly ceilingDbtp: number;
}

/** Sound to be mastered: interleaved f32le in a file, and its reading. */
export interface MasteringSource extends PcmFile {
  readonly reading: LoudnessReading;
}

/** Gain and limiter on the way from the file. */
export interface LimitedSource<Sound extends LimitedSound = LimitedSound> {
  /** Programme loudness behind them, found without the encoder. */
  measure(setting: LimiterSetting): Promise<number | null>;
  /** The samples, f32le; `limited` tells after their end whether anything was taken down. */
  open(setting: LimiterSetting): Sound;
  /** Writes them into a WAV file at once, where threads can. @default they are encoded as `open` gives them */
  writeWav?(setting: LimiterSetting, request: WavRequest): Promise<EncodeResult & { readonly limited: boolean }>;
}

export type LimitedSound = LimitedStream | LimitedFile;

export interface LimitedStream {
  readonly pcm: AsyncIterable<Uint8Array>;
  limited(): boolean;
}

export interface LimitedFile {
  readonly growing: GrowingFile;
  limited(): boolean;
}

export interface MasteringResult {
  /** Of the encoded file. */
  readonly reading: LoudnessReading;
  readonly gainDb: number;
  readonly limited: boolean;
  readonly corrected: boolean;
  readonly argv: readonly string[];
}

export interface MasteringRequest extends Omit<EncodeRequest, "source"> {
  /** Before each try: what the request's taps collected so far was of a file that is written anew. */
  readonly onStart?: (() => void) | undefined;
}

export interface MasteringSetting {
  readonly gainDb: number;
  /** Loudness that this gives before the codec; null where it cannot be told. */
  readonly predictedLufs: number | null;
  /** What the limiter keeps, so that the ceiling holds behind the codec. */
  readonly limitDbtp: number;
}

export type LimiterSetting = Pick<MasteringSetting, "gainDb" | "limitDbtp">;

/** Bar of the loudness, LU. */
export const loudnessToleranceLu = 0.2;
/** Beyond this a correction is made: the bar, less what another meter rounds. */
const correctBeyondLu = 0.15;
/** What is kept free for the codec at first (measured on speech at usual rates); a correction takes what was measured. */
const codecMarginDb: Readonly<Record<AudioFormat, number>> = { wav: 0, flac: 0, mp3: 0.6, m4a: 0.6, opus: 0.8 };
/** The loudness is corrected once; a ceiling must hold, and an encoder's burst may come back elsewhere. */
const mostPeakCorrections = 3;
/** Passes to find that gain; each costs as much as decoding. */
const mostRounds = 4;
/** Above its plain gain a sound is not pushed further: a limiter at work all the time is distortion. */
const mostExtraGainDb = 8;

/** How one sound is mastered; whoever knows a cheaper way to foretell its loudness brings its own. */
export interface MasteringTries<Attempt extends { readonly reading: LoudnessReading }> {
  /** The gain that gives that loudness before the codec, behind a limiter at `limitDbtp`. */
  choose(loudnessLufs: number, limitDbtp: number): MasteringSetting | Promise<MasteringSetting>;
  /** Limits, encodes, and reads what was encoded. */
  encode(setting: MasteringSetting): Promise<Attempt>;
}

/**
 * Second pass: linear gain to the target, true-peak limiter where the ceiling asks for it, encode, verify on what was
 * encoded, and once more with the errors taken into account when it missed.
 */
export function masterTo(
  target: MasteringTarget,
  source: MasteringSource,
  request: MasteringRequest,
  limiting: LimitedSource,
): Promise<MasteringResult> {
  const { ceilingDbtp } = target;
  const encoding = { ...request, ceilingDbtp };
  return masterWith(target, request.plan, {
    choose: (loudnessLufs, limitDbtp) => chooseSetting(loudnessLufs, limitDbtp, source.reading, limiting),
    encode: async (setting) => repairPeaks(request, await encodeWith(setting, source, encoding, limiting), ceilingDbtp),
  });
}

/** The same for any sound. */
export async function masterWith<Attempt extends { readonly reading: LoudnessReading }>(
  target: MasteringTarget,
  { format, gainDb: encoderGainDb }: Pick<EncoderPlan, "format" | "gainDb">,
  tries: MasteringTries<Attempt>,
): Promise<Attempt & { readonly gainDb: number; readonly corrected: boolean }> {
  let wish = {
    loudnessLufs: target.loudnessLufs - encoderGainDb,
    limitDbtp: target.ceilingDbtp - codecMarginDb[format] - encoderGainDb,
  };
  for (let round = 0; ; round++) {
    const setting = await tries.choose(wish.loudnessLufs, wish.limitDbtp);
    const attempt = await tries.encode(setting);
    const next = findCorrection(target, setting, attempt.reading);
    const isOver = (attempt.reading.truePeakDbtp ?? target.ceilingDbtp) > target.ceilingDbtp;
    if (next === null || round >= (isOver ? mostPeakCorrections : 1)) {
      return { ...attempt, gainDb: setting.gainDb, corrected: round > 0 };
    }
    wish = next;
  }
}

/** What to aim at before the codec in a second try, or null when the first is inside the bars. */
export function findCorrection(
  target: MasteringTarget,
  setting: MasteringSetting,
  reading: LoudnessReading,
): { readonly loudnessLufs: number; readonly limitDbtp: number } | null {
  const { integratedLufs, truePeakDbtp } = reading;
  const missing = integratedLufs === null ? 0 : target.loudnessLufs - integratedLufs;
  const over = truePeakDbtp === null ? 0 : truePeakDbtp - target.ceilingDbtp;
  if (Math.abs(missing) <= correctBeyondLu && over <= 0) return null;
  const { predictedLufs, limitDbtp } = setting;
  // The codec's own share is taken off; where the limiter could not reach the target, more is not asked of it.
  const codecLu = integratedLufs === null || predictedLufs === null ? 0 : integratedLufs - predictedLufs;
  return {
    loudnessLufs: target.loudnessLufs - codecLu,
    // A codec overshoots differently each time: a third more than it did.
    limitDbtp: over > 0 ? limitDbtp - over * 1.3 - 0.1 : limitDbtp,
  };
}

/** Gain with which `source` behind the limiter has that loudness, as far as a limiter can be pushed. */
async function chooseSetting(
  loudnessLufs: number,
  limitDbtp: number,
  reading: LoudnessReading,
  limiting: LimitedSource,
): Promise<MasteringSetting> {
  const { integratedLufs, truePeakDbtp } = reading;
  // Too short or too quiet to have a loudness: left as loud as it is, under the ceiling.
  if (integratedLufs === null || truePeakDbtp === null) return { gainDb: 0, predictedLufs: null, limitDbtp };
  const wantedGainDb = loudnessLufs - integratedLufs;
  const overDb = foreseeOver(reading, { gainDb: wantedGainDb, limitDbtp });
  // What the limiter costs beyond this is found by trying, without the encoder.
  if (overDb <= mostPlainDb) return { gainDb: wantedGainDb, predictedLufs: loudnessLufs, limitDbtp };
  // A quarter of the bar, where each tenth of a LU costs a third of a dB of the wave.
  const aimLufs = overDb > 5 ? loudnessLufs - loudnessToleranceLu / 4 : loudnessLufs;
  const plainGainDb = aimLufs - integratedLufs;
  // What speech was seen to need: 0.05 dB where it is 2 dB over, 0.3 at 5.
  let gainDb = plainGainDb + 0.012 * overDb ** 2;
  for (let round = 1; ; round++) {
    const reached = (await limiting.measure({ gainDb, limitDbtp })) ?? aimLufs;
    const missing = aimLufs - reached;
    const last = round === mostRounds || gainDb >= plainGainDb + mostExtraGainDb;
    if (last || Math.abs(missing) < 0.05) return { gainDb, predictedLufs: reached, limitDbtp };
    // So near, the rest is made up for unseen: half a dB of loudness a dB of gain is usual at a limiter's edge.
    const near = Math.abs(missing) < 0.15;
    gainDb = Math.min(plainGainDb + mostExtraGainDb, gainDb + missing * (near ? 1.7 : 1.4));
    if (near) return { gainDb, predictedLufs: aimLufs, limitDbtp };
  }
}

async function encodeWith(
  setting: MasteringSetting,
  { sampleRateHz, channels }: MasteringSource,
  request: MasteringRequest,
  limiting: LimitedSource,
): Promise<EncodeResult & { readonly limited: boolean }> {
  const { hearing } = request;
  if (
    limiting.writeWav !== undefined &&
    hearing !== undefined &&
    isWrittenByThreads(request, { sampleRateHz, channels })
  ) {
    request.onStart?.();
    return limiting.writeWav(setting, { ...request, hearing });
  }
  let limited = (): boolean => false;
  const encoded = await encodeOnCores(() => {
    request.onStart?.();
    const opened = limiting.open(setting);
    limited = opened.limited;
    const sound =
      "growing" in opened
        ? { growing: opened.growing }
        : { pcm: Readable.from(opened.pcm, { objectMode: false, highWaterMark: 1 << 18 }) };
    return { ...request, source: { ...sound, sampleRateHz, channels } };
  });
  return { ...encoded, limited: limited() };
}

/** Limits in one piece, while it is read. */
export function limitInOnePiece(source: MasteringSource, signal: AbortSignal): LimitedSource<LimitedStream> {
  const { path, channels, sampleRateHz } = source;
  async function* limit(limiter: FrameFilter): AsyncGenerator<Float32Array> {
    const stream = createReadStream(path, { highWaterMark: 1 << 18 });
    for await (const samples of readFloatFrames(stream, channels)) {
      signal.throwIfAborted();
      yield limiter.push(samples);
    }
    yield limiter.finish();
  }
  const create = (setting: LimiterSetting) => {
    const [{ gainDb, limitDbtp: ceilingDbtp }, overDb] = [setting, foreseeOver(source.reading, setting)];
    return createMasteringLimiter({ sampleRateHz, channels, gainDb, ceilingDbtp, overDb, startFrame: 0 });
  };
  return {
    async measure(setting) {
      const meter = createLoudnessMeter(source);
      for await (const samples of limit(create(setting))) meter.push(samples);
      return meter.finish().integratedLufs;
    },
    open(setting) {
      const limiter = create(setting);
      async function* pcm(): AsyncGenerator<Uint8Array> {
        for await (const samples of limit(limiter)) if (samples.length > 0) yield toBytes(samples);
      }
      return { pcm: pcm(), limited: () => limiter.limited() };
    },
  };
}

const toBytes = (samples: Float32Array): Buffer => Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
