import { basename } from "node:path";
import { buildFloatInput } from "../pcm/float-args.ts";
import type { EncodeRequest } from "./encode.ts";
import type { EncoderPlan } from "./encoder-plan.ts";

/**
 * With a second input (tags come from one) ffmpeg 5 reads each by a thread whose queue holds 8 packets: whenever a pipe's is
 * empty it sleeps for 10 ms, so that no more than some 800 frames a second came through. Alone, an input is read without
 * such a thread, and the option would only give it one.
 */
const besideOthers = ({ extraInputArgs = [] }: Pick<Request, "extraInputArgs">, packets: number): readonly string[] =>
  extraInputArgs.length > 0 ? ["-thread_queue_size", String(packets)] : [];

/** 4 MB of samples, 2 MB of encoded frames. */
const queues = { floats: 256, frames: 2_048 };

type Request = Omit<EncodeRequest, "toolchain">;

/**
 * The encoder's command line, to be run in the folder of `outPath`: into the file, and unless that is decoded afterwards,
 * the same packets as NUT on stdout. A relative name needs no quoting in tee's little language.
 */
export function buildEncodeArgs(request: Request): readonly string[] {
  const { plan, source } = request;
  const input = [
    ...besideOthers(request, queues.floats),
    ...("inputArgs" in source ? source.inputArgs : buildFloatInput(source, "pipe:0")),
  ];
  const filters = [
    ...(request.filter === undefined ? [] : [request.filter]),
    // swresample's default of 32 taps folds what lies above 19 kHz.
    ...(source.sampleRateHz === plan.sampleRateHz
      ? []
      : [`aresample=${plan.sampleRateHz}:filter_size=64:exact_rational=1`]),
  ];
  return [
    ...["-y", ...input, ...(request.extraInputArgs ?? []), "-map", "0:a:0"],
    ...(filters.length === 0 ? [] : ["-filter:a", filters.join(",")]),
    ...[...plan.codecArgs, "-ar", String(plan.sampleRateHz), "-ac", String(plan.channels)],
    ...(request.extraOutputArgs ?? []),
    ...buildTarget(request),
  ];
}

/** Copies bare mp3 frames from stdin into the file, with all that belongs beside them. */
export function buildCopyArgs(request: Request): readonly string[] {
  const others = request.extraInputArgs ?? [];
  return [
    ...[
      "-y",
      ...besideOthers(request, queues.frames),
      "-f",
      "mp3",
      "-i",
      "pipe:0",
      ...others,
      "-map",
      "0:a:0",
      "-c:a",
      "copy",
    ],
    ...(request.extraOutputArgs ?? []),
    ...buildTarget({ ...request, decodeAfterwards: true }),
  ];
}

/** Decodes bare mp3 frames from stdin to f32le; `target` are ffmpeg's output arguments. */
export function buildFramesDecodeArgs(
  { sampleRateHz, channels }: Pick<EncoderPlan, "sampleRateHz" | "channels">,
  target: readonly string[],
): readonly string[] {
  const format = ["-ar", String(sampleRateHz), "-ac", String(channels)];
  return ["-y", "-f", "mp3", "-i", "pipe:0", "-map", "0:a:0", ...format, ...target];
}

function buildTarget({ plan, muxer = plan.muxer, outPath, decodeAfterwards = false }: Request): readonly string[] {
  const options = Object.entries(plan.muxerOptions);
  const name = basename(outPath);
  if (decodeAfterwards) return [...options.flatMap(([key, value]) => [`-${key}`, value]), "-f", muxer, name];
  const file = `[f=${muxer}${options.map(([key, value]) => `:${key}=${value}`).join("")}]${name}`;
  return ["-f", "tee", `${file}|[f=nut:select=a:flush_packets=0]pipe:1`];
}

/** Decodes the packets from stdin, or the finished file, likewise. */
export function buildVerifyArgs(
  { plan, outPath, decodeAfterwards = false }: Pick<Request, "plan" | "outPath" | "decodeAfterwards">,
  target: readonly string[],
): readonly string[] {
  const input = decodeAfterwards ? ["-i", `file:${outPath}`] : ["-f", "nut", "-i", "pipe:0"];
  const format = ["-ar", String(plan.sampleRateHz), "-ac", String(plan.channels)];
  return ["-y", ...input, "-map", "0:a:0", ...format, ...target];
}
