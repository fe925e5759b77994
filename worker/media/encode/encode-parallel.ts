import { availableParallelism } from "node:os";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import { Doubt } from "../fast-join/doubt.ts";
import { type EncodeRequest, type EncodeResult, encodeVerified, isBareMp3, measureDecoded } from "./encode.ts";
import { buildCopyArgs, buildFramesDecodeArgs } from "./encode-args.ts";
import { writeGaplessTag } from "./gapless-tag.ts";
import { joinStretches, leastStretchFrames, type StretchPlan } from "./mp3-stretches.ts";
import { startLanes } from "./stretch-lanes.ts";

/** From here on several encoders are worth their start. */
const longSeconds = 120;
/** Beyond these, limiter and meter are what it waits for. */
const mostLanes = 4;
/** 16 s at 44.1 kHz: 4 % are encoded twice, and 5 MB wait for each encoder. */
const usualStretchFrames = 600;

/** How many encoders work side by side: more than one for long mp3 on several cores. */
export function planStretches(request: EncodeRequest): StretchPlan | null {
  const { plan, source, filter, expectedFrames = 0 } = request;
  const isPlain =
    "pcm" in source && source.sampleRateHz === plan.sampleRateHz && source.channels === plan.channels && !filter;
  const isLong = Number.isFinite(expectedFrames) && expectedFrames >= longSeconds * plan.sampleRateHz;
  const lanes = Math.min(mostLanes, availableParallelism());
  if (!isPlain || !isLong || lanes < 2 || !isBareMp3(request)) return null;
  return { lanes, stretchFrames: usualStretchFrames };
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
 * Encodes by several LAMEs. Each takes every so manieth stretch of the samples, beginning some frames early and ending some
 * late; where stretches meet, one stream goes over into the other at a frame boundary. A last ffmpeg copies the frames into
 * the file with all that belongs beside them, another decodes them for the meter. Rejects as `encodeVerified`, and with a
 * `Doubt` when two stretches do not fit.
 */
export async function encodeInStretches(request: EncodeRequest, stretches: StretchPlan): Promise<EncodeResult> {
  const { source, toolchain, plan, outPath } = request;
  if (!("pcm" in source) || stretches.stretchFrames < leastStretchFrames) throw new RangeError("not to be encoded so");
  const failed = new AbortController();
  const signal = request.signal === undefined ? failed.signal : AbortSignal.any([request.signal, failed.signal]);
  signal.throwIfAborted();
  const samplesPerFrame = plan.sampleRateHz >= 32_000 ? 1152 : 576;
  const lanes = startLanes(toolchain, plan, { ...stretches, samplesPerFrame }, signal);
  const copier = startFfmpeg(toolchain, buildCopyArgs(request), {
    ...{ signal, stdin: "pipe", cwd: dirname(outPath), onProgress: request.onProgress },
  });
  copier.stdout.resume();
  const decoder = startFfmpeg(toolchain, buildFramesDecodeArgs(plan), { signal, stdin: "pipe" });
  const sinks = [copier.stdin as Writable, decoder.stdin as Writable];
  const feeding = lanes.feed(source.pcm);
  const writing = writeFrames(joinStretches(lanes, stretches), sinks);
  const measuring = measureDecoded(decoder, { ...request, decodeAfterwards: false });
  const all = [feeding, writing, measuring, lanes.done, copier.done] as const;
  try {
    const [samples, , decoded] = await Promise.all(all);
    await writeGaplessTag(outPath, samples);
    return { ...decoded, argv: await lanes.argv() };
  } catch (error) {
    // A reader that starves may fail before the writer has told why it stopped.
    if (!(error instanceof Doubt))
      await Promise.race([lanes.done.catch(() => {}), sleep(lastWordsMs, undefined, { ref: false })]);
    failed.abort(error);
    source.pcm.destroy();
    const ends = await Promise.allSettled([
      lanes.done,
      writing,
      feeding,
      measuring,
      copier.done,
      decoder.done,
      lanes.gone,
    ]);
    if (error instanceof Doubt) throw error;
    throw ends.find((end) => end.status === "rejected")?.reason ?? error;
  }
}

/** How long an encoder may take to say why it ended. */
const lastWordsMs = 250;

/** Writes each frame to all sinks. */
async function writeFrames(runs: AsyncIterable<readonly Buffer[]>, sinks: readonly Writable[]): Promise<void> {
  for await (const run of runs) {
    const bytes = run.length === 1 ? run[0] : Buffer.concat(run);
    for (const sink of sinks) {
      if (!sink.write(bytes)) await drained(sink);
    }
  }
  for (const sink of sinks) sink.end();
}

/** Resolves when it takes more, or is gone: why it went is told by its process. */
function drained(sink: Writable): Promise<void> {
  if (sink.destroyed) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const events = ["drain", "close", "error"] as const;
  for (const event of events) sink.once(event, resolve);
  return promise.finally(() => {
    for (const event of events) sink.off(event, resolve);
  });
}
