import { basename, dirname } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { startFfmpeg } from "../process/run-ffmpeg.ts";
import type { EncoderPlan } from "./encoder-plan.ts";
import { readFloatFrames } from "./float-frames.ts";
import { createLoudnessMeter, type LoudnessReading } from "./loudness-meter.ts";
import type { Toolchain } from "./toolchain.ts";

/**
 * Where the samples come from: interleaved 32-bit floats (little endian) that are piped in, or arguments with which
 * ffmpeg reads them itself (ending in `-i …`). Either is ffmpeg's input 0.
 */
export type EncodeSource =
  | { readonly pcm: Readable; readonly sampleRateHz: number; readonly channels: number }
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
  readonly signal?: AbortSignal | undefined;
  /** Seconds written. */
  readonly onProgress?: ((outTimeSeconds: number) => void) | undefined;
  /** Frames that are expected at the output rate; what a codec pads beyond them is neither measured nor passed on. */
  readonly expectedFrames?: number | undefined;
  /** The decoded result as interleaved s16le, delay and padding cut off: for peaks. */
  readonly onPcm16?: ((chunk: Uint8Array) => void) | undefined;
}

export interface EncodeResult {
  /** Of the encoded file, decoded again while it was written. */
  readonly reading: LoudnessReading;
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
  const { plan, source, toolchain } = request;
  const failed = new AbortController();
  const signal = request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
  const piped = "pcm" in source;
  const encoder = startFfmpeg(toolchain, buildEncodeArgs(request), {
    signal,
    stdin: piped ? "pipe" : "ignore",
    // A relative name needs no quoting in tee's little language.
    cwd: dirname(request.outPath),
    onProgress: request.onProgress,
  });
  const decoder = startFfmpeg(toolchain, buildDecodeArgs(plan), { signal, stdin: encoder.stdout });
  const feeding = piped && encoder.stdin !== null ? feed(source.pcm, encoder.stdin) : Promise.resolve();
  const measuring = measure(decoder.stdout, plan, request);
  try {
    const [ended, , , reading] = await Promise.all([encoder.done, decoder.done, feeding, measuring]);
    return { reading, argv: ended.argv };
  } catch (error) {
    // A reader that starves fails before the writer has told why it stopped: the writer is given the time to.
    await Promise.race([encoder.done.catch(() => {}), sleep(encoderLastWordsMs, undefined, { ref: false })]);
    failed.abort(error);
    if (piped) source.pcm.destroy();
    const ends = await Promise.allSettled([feeding, encoder.done, decoder.done, measuring]);
    throw ends.find((end) => end.status === "rejected")?.reason ?? error;
  }
}

/** The encoder's command line, `-y` into `outPath` and NUT on stdout; pure. */
export function buildEncodeArgs(request: Omit<EncodeRequest, "toolchain">): readonly string[] {
  const { plan, source } = request;
  const input =
    "pcm" in source
      ? ["-f", "f32le", "-ar", String(source.sampleRateHz), "-ac", String(source.channels), "-i", "pipe:0"]
      : source.inputArgs;
  const options = Object.entries(plan.muxerOptions).map(([key, value]) => `:${key}=${value}`);
  const file = `[f=${request.muxer ?? plan.muxer}${options.join("")}]${basename(request.outPath)}`;
  return [
    ...["-y", ...input, ...(request.extraInputArgs ?? []), "-map", "0:a:0"],
    ...(request.filter === undefined ? [] : ["-filter:a", request.filter]),
    ...[...plan.codecArgs, "-ar", String(plan.sampleRateHz), "-ac", String(plan.channels)],
    ...(request.extraOutputArgs ?? []),
    ...["-f", "tee", `${file}|[f=nut:select=a]pipe:1`],
  ];
}

function buildDecodeArgs(plan: EncoderPlan): readonly string[] {
  const format = ["-ar", String(plan.sampleRateHz), "-ac", String(plan.channels)];
  return ["-f", "nut", "-i", "pipe:0", "-map", "0:a:0", ...format, "-f", "f32le", "pipe:1"];
}

async function feed(pcm: Readable, stdin: NodeJS.WritableStream): Promise<void> {
  try {
    await pipeline(pcm, stdin);
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    // The encoder ended early, and says itself why.
    if (code === "EPIPE" || code === "ERR_STREAM_PREMATURE_CLOSE") return;
    throw error;
  }
}

async function measure(stdout: Readable, plan: EncoderPlan, request: EncodeRequest): Promise<LoudnessReading> {
  const meter = createLoudnessMeter(plan);
  let skip = plan.delayFrames * plan.channels;
  let left = (request.expectedFrames ?? Number.POSITIVE_INFINITY) * plan.channels;
  for await (const frames of readFloatFrames(stdout, plan.channels)) {
    const from = Math.min(skip, frames.length);
    skip -= from;
    const heard = frames.subarray(from, Math.min(frames.length, from + left));
    left -= heard.length;
    meter.push(heard);
    request.onPcm16?.(toPcm16(heard));
  }
  return meter.finish();
}

/** Rounded and clipped, as a player does with 16 bits. */
export function toPcm16(samples: Float32Array): Uint8Array {
  const integers = new Int16Array(samples.length);
  for (let at = 0; at < samples.length; at++) {
    const scaled = Math.round((samples[at] ?? 0) * 32_768);
    integers[at] = scaled > 32_767 ? 32_767 : scaled < -32_768 ? -32_768 : scaled;
  }
  return new Uint8Array(integers.buffer);
}
