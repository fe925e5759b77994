import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { drained } from "../../process/drained.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { Doubt } from "../fast-join/doubt.ts";
import { chooseMeasure, type EncodeRequest, type EncodeResult, encodeVerified } from "./encode.ts";
import { buildCopyArgs, buildFramesDecodeArgs } from "./encode-args.ts";
import { type EncoderPlan, isBareMp3 } from "./encoder-plan.ts";
import { writeGaplessTag } from "./gapless-tag.ts";
import { joinStretches, leastStretchFrames, placeStretch, type StretchPlan } from "./mp3-stretches.ts";
import { startStretchEncoders } from "./stretch-encoders.ts";
import { takeFromFile, takeFromStream } from "./stretch-inputs.ts";

/** From here on several encoders are worth their start. */
const longSeconds = 120;
/** Beyond these, limiter and meter are what it waits for. */
const mostLanes = 4;
/** So long that starting an encoder (80 ms) hardly counts, so short that little is left to be measured behind the last. */
const mostStretchSeconds = 300;
/** What is encoded at the end while the other cores listen to what came before: a tenth, and no more than that. */
const mostLastSeconds = 25;

/** How many encoders work side by side: more than one for long mp3 on several cores. */
export function planStretches(request: EncodeRequest): StretchPlan | null {
  const { plan, source, filter, expectedFrames = 0 } = request;
  const isPlain =
    !("inputArgs" in source) &&
    source.sampleRateHz === plan.sampleRateHz &&
    source.channels === plan.channels &&
    !filter;
  const isLong = Number.isFinite(expectedFrames) && expectedFrames >= longSeconds * plan.sampleRateHz;
  const lanes = Math.min(mostLanes, availableParallelism());
  if (!isPlain || !isLong || lanes < 2 || !isBareMp3(request)) return null;
  // As many for each encoder, so that they end together, and a short one behind them.
  const all = expectedFrames / plan.sampleRateHz;
  const seconds = all - Math.min(mostLastSeconds, all / 10);
  const stretches = lanes * Math.ceil(seconds / (lanes * mostStretchSeconds));
  return { lanes, stretchFrames: Math.ceil((seconds * plan.sampleRateHz) / samplesPerFrame(plan) / stretches) };
}

/**
 * Encodes and measures as `encodeVerified` does, by several encoders where that is worth it. `open` gives the request, and
 * gives it anew in the rare case that their stretches cannot be joined: then one encoder does it all.
 */
export async function encodeOnCores(
  open: () => EncodeRequest,
  { choose = planStretches, encode = encodeInStretches } = {},
): Promise<EncodeResult> {
  const request = open();
  const stretches = choose(request);
  if (stretches === null) return encodeVerified(request);
  try {
    return await encode(request, stretches);
  } catch (error) {
    if (!(error instanceof Doubt)) throw error;
  }
  return encodeVerified(open());
}

/**
 * Encodes by several LAMEs, one for each stretch of the samples, beginning some frames early and ending some late; where
 * stretches meet, one stream goes over into the other at a frame boundary. A last ffmpeg copies the frames into the file
 * with all that belongs beside them, another decodes them for the meter. Rejects as `encodeVerified`, and with a `Doubt`
 * when two stretches do not fit.
 */
export async function encodeInStretches(request: EncodeRequest, stretches: StretchPlan): Promise<EncodeResult> {
  const { source, toolchain, plan, outPath } = request;
  const { lanes, stretchFrames } = stretches;
  if ("inputArgs" in source || stretchFrames < leastStretchFrames) throw new RangeError("not to be encoded so");
  const failed = new AbortController();
  const signal = request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
  signal.throwIfAborted();
  const place = (index: number) => {
    const { from, to } = placeStretch(index, stretchFrames);
    const frameBytes = 4 * plan.channels * samplesPerFrame(plan);
    return { from: from * frameBytes, to: to * frameBytes };
  };
  const inputs =
    "growing" in source
      ? takeFromFile(source.growing, place)
      : takeFromStream({ ...source, outPath, mostWaiting: 2 * lanes + 1, signal }, place);
  const encoders = startStretchEncoders(toolchain, plan, inputs, lanes, signal);
  const copier = startFfmpeg(toolchain, buildCopyArgs(request), {
    ...{ signal, stdin: "pipe", cwd: dirname(outPath), onProgress: request.onProgress },
  });
  copier.stdout.resume();
  const decoder = Promise.withResolvers<Writable>();
  const startDecoder = (target: readonly string[]) => {
    const child = startFfmpeg(toolchain, buildFramesDecodeArgs(plan, target), { signal, stdin: "pipe" });
    decoder.resolve(child.stdin as Writable);
    return child;
  };
  const measuring = chooseMeasure(request)(startDecoder, { ...request, signal }, plan.delayFrames);
  measuring.catch(decoder.reject);
  const sinks = Promise.all([copier.stdin as Writable, decoder.promise]);
  const writing = writeFrames(joinStretches(encoders, stretchFrames), sinks);
  const all = [inputs.done, writing, measuring, encoders.done, copier.done] as const;
  try {
    const [samples, , decoded] = await Promise.all(all);
    await writeGaplessTag(outPath, samples);
    return { ...decoded, argv: encoders.argv() };
  } catch (error) {
    // A reader that starves may fail before the writer has told why it stopped.
    if (!(error instanceof Doubt)) await Promise.race([encoders.gone, sleep(lastWordsMs, undefined, { ref: false })]);
    failed.abort(error);
    if ("pcm" in source) source.pcm.destroy();
    const ends = await Promise.allSettled([encoders.done, writing, inputs.done, measuring, copier.done]);
    if (error instanceof Doubt) throw error;
    throw ends.find((end) => end.status === "rejected")?.reason ?? error;
  } finally {
    await inputs.close();
  }
}

const samplesPerFrame = ({ sampleRateHz }: EncoderPlan): number => (sampleRateHz >= 32_000 ? 1152 : 576);

/** How long an encoder may take to say why it ended. */
const lastWordsMs = 250;

/** Writes each frame to all sinks. */
async function writeFrames(
  runs: AsyncIterable<readonly Buffer[]>,
  opened: Promise<readonly Writable[]>,
): Promise<void> {
  const sinks = await opened;
  for await (const run of runs) {
    const bytes = Buffer.concat(run);
    for (const sink of sinks) {
      if (!sink.write(bytes)) await drained(sink);
    }
  }
  for (const sink of sinks) sink.end();
}
