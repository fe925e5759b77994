import type { Socket } from "node:net";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { audioFormats } from "../../../core/kinds/audio-formats.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import type { StartedProcess } from "../../process/run-process.ts";
import { createYoungSweeper } from "../../process/sweep-young.ts";
import { createOverFinder, keepSingle, type Over } from "../meters/find-overs.ts";
import { createLoudnessMeter, type LoudnessReading } from "../meters/loudness-meter.ts";
import { buildFloatInput, buildFloatOutput } from "../pcm/float-args.ts";
import { readFloatFrames } from "../pcm/float-frames.ts";
import { type GrowingFile, readGrowing } from "../pcm/growing-file.ts";
import { defaultLayout } from "../pcm/pcm-decode-args.ts";
import { toPcm16 } from "../pcm/to-pcm16.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { buildEncodeArgs, buildVerifyArgs } from "./encode-args.ts";
import { type EncoderPlan, isBareMp3 } from "./encoder-plan.ts";
import { writeGaplessTag } from "./gapless-tag.ts";
import { type Hearing, hearInSegments } from "./hear-segments.ts";

/**
 * Where the samples come from: interleaved 32-bit floats (little endian) that are piped in or lie in a file that is still
 * being written, or arguments with which ffmpeg reads them itself (ending in `-i …`). Either is ffmpeg's input 0.
 */
export type EncodeSource =
  | { readonly pcm: Readable; readonly sampleRateHz: number; readonly channels: number }
  | { readonly growing: GrowingFile; readonly sampleRateHz: number; readonly channels: number }
  | { readonly inputArgs: readonly string[]; readonly sampleRateHz: number; readonly channels: number };

export interface EncodeRequest {
  readonly toolchain: Toolchain;
  readonly source: EncodeSource;
  readonly plan: EncoderPlan;
  /** Written here; a plain file name in an existing folder. Left half-written on failure: it lies in scratch. */
  readonly outPath: string;
  /** Filters before the encoder, e.g. from the caller's inputs. @default none */
  readonly filter?: string | undefined;
  /** Further inputs (1, 2, …), e.g. the original for its tags and pictures. */
  readonly extraInputArgs?: readonly string[] | undefined;
  /** Output arguments: maps of further streams, metadata, their codecs. `-map 0:a` is there already. */
  readonly extraOutputArgs?: readonly string[] | undefined;
  /** Instead of the plan's, when sound goes beside a picture. */
  readonly muxer?: string | undefined;
  /**
   * Decode the finished file rather than the packets on their way into it: a pass more, for what tee does not hand on to
   * the file (chapters). @default false
   */
  readonly decodeAfterwards?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Seconds written. */
  readonly onProgress?: ((outTimeSeconds: number) => void) | undefined;
  /** Frames that are expected at the output rate; what a codec pads beyond them is neither measured nor passed on. */
  readonly expectedFrames?: number | undefined;
  /** The decoded result, delay and padding cut off. */
  readonly onSamples?: ((samples: Float32Array) => void) | undefined;
  /** Decoded peaks above it are looked for, in a file where single ones can be taken back. @default not */
  readonly ceilingDbtp?: number | undefined;
  /** The same as interleaved s16le: for peaks. */
  readonly onPcm16?: ((chunk: Uint8Array) => void) | undefined;
  /** Threads that listen to the decoded result. @default this one, which is what the two taps above belong to */
  readonly hearing?: Hearing | undefined;
}

/**
 * Listens to an encoded file, or to its packets while it is written. `start` starts their decoder, to be given ffmpeg's
 * output arguments: what comes begins with `skipFrames` that the encoder put before the sound.
 */
export type Measure = (
  start: (target: readonly string[]) => StartedProcess,
  request: MeasureRequest,
  skipFrames: number,
) => Promise<Decoded>;

export type MeasureRequest = Pick<
  EncodeRequest,
  "toolchain" | "plan" | "outPath" | "muxer" | "expectedFrames" | "ceilingDbtp" | "onSamples" | "onPcm16" | "signal"
>;

export interface Decoded {
  readonly reading: LoudnessReading;
  /** Peaks above the ceiling that was asked for; null when they are too many to be single ones, or none was given. */
  readonly overs: readonly Over[] | null;
  /**
   * The same of the finished file after something was changed beside those frames of the result; null where as much is to
   * be read as at first.
   */
  readonly again?: ((frames: readonly number[]) => Promise<Decoded | null>) | undefined;
}

/** What is told of the encoded file comes from decoding it again while it was written. */
export interface EncodeResult extends Decoded {
  /** The encoder's command line. */
  readonly argv: readonly string[];
}

/** How long the encoder may take to end after its reader has failed, before it is ended. */
const encoderLastWordsMs = 250;

/**
 * Encodes and measures in one go: the encoder's packets go to the file and, as NUT, to a second ffmpeg that decodes them
 * for the meter here. So loudness and true peak are those of what a listener decodes, and no pass of its own is spent.
 * Rejects with a MixdownError, the source's error, or the abort's reason; no process is left then.
 */
export async function encodeVerified(request: EncodeRequest): Promise<EncodeResult> {
  const { toolchain, decodeAfterwards = false } = request;
  const measure = chooseMeasure(request);
  const failed = new AbortController();
  const signal = request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
  const source = await openSource(request);
  const piped = "pcm" in source;
  const encoder = startFfmpeg(toolchain, buildEncodeArgs({ ...request, source }), {
    signal,
    stdin: piped ? "pipe" : "ignore",
    // A relative name needs no quoting in tee's little language.
    cwd: dirname(request.outPath),
    onProgress: request.onProgress,
  });
  const feeding = piped && encoder.stdin !== null ? feed(source.pcm, encoder.stdin as Socket) : Promise.resolve(0);
  const startDecoder = (stdin?: Readable) => (target: readonly string[]) =>
    startFfmpeg(toolchain, buildVerifyArgs(request, target), { signal, stdin });
  if (decodeAfterwards) encoder.stdout.resume();
  // A demuxer skips the encoder's delay by itself; bare packets carry all of it.
  const measuring = decodeAfterwards
    ? Promise.all([encoder.done, feeding]).then(() => measure(startDecoder(), { ...request, signal }, 0))
    : measure(startDecoder(encoder.stdout), { ...request, signal }, request.plan.delayFrames);
  try {
    const [ended, fedBytes, decoded] = await Promise.all([encoder.done, feeding, measuring]);
    if (isBareMp3(request)) await declareLength(request, fedBytes);
    return { ...decoded, argv: ended.argv };
  } catch (error) {
    // A reader that starves fails before the writer has told why it stopped: the writer is given the time to.
    await Promise.race([encoder.done.catch(() => {}), sleep(encoderLastWordsMs, undefined, { ref: false })]);
    failed.abort(error);
    if (piped) source.pcm.destroy();
    const ends = await Promise.allSettled([feeding, encoder.done, measuring]);
    throw ends.find((end) => end.status === "rejected")?.reason ?? error;
  }
}

/**
 * An encoder that is slower than what fills the file is piped what is there already; one that is faster would wait for it,
 * and reads it by itself once all is there.
 */
async function openSource({ source, plan }: EncodeRequest): Promise<Exclude<EncodeSource, { growing: GrowingFile }>> {
  if (!("growing" in source)) return source;
  const { growing, sampleRateHz, channels } = source;
  if (!audioFormats[plan.format].lossless) {
    const pcm = Readable.from(readGrowing(growing), { objectMode: false, highWaterMark: 1 << 18 });
    return { pcm, sampleRateHz, channels };
  }
  await growing.waitFor(Number.POSITIVE_INFINITY);
  return { inputArgs: buildFloatInput(source, `file:${growing.file.path}`), sampleRateHz, channels };
}

/** Puts the length of what went in into the file, where it is known. */
async function declareLength(request: EncodeRequest, fedBytes: number): Promise<void> {
  const { source, plan, filter, expectedFrames, outPath } = request;
  const isAsFed = !("inputArgs" in source) && filter === undefined && source.sampleRateHz === plan.sampleRateHz;
  const samples = isAsFed ? fedBytes / (4 * source.channels) : expectedFrames;
  if (samples !== undefined && Number.isFinite(samples)) await writeGaplessTag(outPath, Math.floor(samples));
}

/** @returns the bytes that were handed on */
async function feed(pcm: Readable, stdin: Socket): Promise<number> {
  try {
    await pipeline(pcm, stdin);
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    // The encoder ended early, and says itself why.
    if (code !== "EPIPE" && code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  }
  return stdin.bytesWritten;
}

/** By the request's threads, where it has any. */
export const chooseMeasure = ({ hearing }: Pick<EncodeRequest, "hearing">): Measure =>
  hearing === undefined ? measureFromPipe : hearInSegments(hearing);

/** Reads the decoder of an encoded file, or of its bare packets, to its end; rejects with its failure. */
export const measureFromPipe: Measure = async (start, request, skipFrames) => {
  const { plan, expectedFrames = Number.POSITIVE_INFINITY, ceilingDbtp } = request;
  const decoder = start(buildFloatOutput("pipe:1"));
  const meter = createLoudnessMeter({ ...plan, channelLayout: defaultLayout(plan.channels) });
  const finder =
    ceilingDbtp === undefined || !isBareMp3(request) ? null : createOverFinder(plan, 10 ** (ceilingDbtp / 20));
  let skip = skipFrames * plan.channels;
  let left = expectedFrames * plan.channels;
  const sweep = createYoungSweeper();
  for await (const frames of readFloatFrames(decoder.stdout, plan.channels)) {
    sweep(frames.byteLength);
    const from = Math.min(skip, frames.length);
    skip -= from;
    const heard = frames.subarray(from, Math.min(frames.length, from + left));
    left -= heard.length;
    meter.push(heard);
    finder?.push(heard);
    request.onSamples?.(heard);
    request.onPcm16?.(toPcm16(heard));
  }
  await decoder.done;
  const reading = meter.finish();
  return { reading, overs: finder === null ? null : keepSingle(finder.finish(), reading.frames / plan.sampleRateHz) };
};
