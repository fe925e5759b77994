import { stat } from "node:fs/promises";
import { MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import { startFfmpeg } from "../../process/run-ffmpeg.ts";
import type { StartedProcess } from "../../process/run-process.ts";
import { createLoudnessMeter, type LoudnessReading } from "../meters/loudness-meter.ts";
import type { Toolchain } from "../toolchain/toolchain.ts";
import { FileRun } from "./file-run.ts";
import { buildPcmDecodeArgs, type PcmDecodePlan } from "./pcm-decode-args.ts";
import { createPcmGuard, describeEndless, guardPcm } from "./pcm-guard.ts";
import type { PcmPiece } from "./pcm-joiner.ts";
import { countingTap, parseCountedFrames } from "./pcm-taps.ts";
import { type ExactSeconds, samplesToSeconds } from "./pcm-time.ts";

/** What is known of a decoded input after its end. */
export interface PcmSourceEnd {
  readonly duration: ExactSeconds;
  /** Seconds that its container promised and the decoder did not give; 0 when it is whole. */
  readonly missingSeconds: number;
  /** Samples that were no numbers, or far beyond any level, and became silence. */
  readonly silencedSamples: number;
  /** As it comes, with the target's rate and channels; null when it was not asked for. */
  readonly loudness: LoudnessReading | null;
}

export interface PcmSource extends PcmPiece {
  readonly args: readonly string[];
  /** Rejects with a MixdownError that names the file. Settled once the process has ended. */
  readonly ended: Promise<void>;
}

/** Frames by which a resampler's flush may miss the exact count, and source samples that it may swallow whole. */
const flushTolerance = { frames: 8, samples: 64 };

export interface PcmSourceOptions {
  readonly measure: boolean;
  readonly signal: AbortSignal;
  onEnd(end: PcmSourceEnd): void;
}

/**
 * Starts one decoder for a join. It writes into its pipe and waits there until it is read. `onEnd` is told what came,
 * when the joiner asks for the duration.
 */
export function openPcmSource(
  toolchain: Toolchain,
  plan: Omit<PcmDecodePlan, "tap">,
  options: PcmSourceOptions,
): PcmSource {
  const { media, target } = plan;
  const tapped = { ...plan, tap: chooseTap(plan) };
  const args = buildPcmDecodeArgs(tapped);
  const child = startFfmpeg(toolchain, args, { signal: options.signal });
  // Node throws away what nobody has begun to read when a child exits; this decoder waits for its turn.
  child.stdout.on("readable", () => {});
  // Blocked in a full pipe, ffmpeg does not hear SIGTERM, and a pipe that nobody reads keeps its child from closing.
  const discard = () => child.stdout.destroy();
  options.signal.addEventListener("abort", discard, { once: true });

  const guard = createPcmGuard({ name: media.name, ...target });
  const meter = options.measure ? createLoudnessMeter(target) : null;
  const duration = async (framesSeen: number): Promise<ExactSeconds> => {
    const { length, missingSeconds } = await readEnd(child, tapped, framesSeen);
    options.onEnd({
      ...{ duration: length, missingSeconds, silencedSamples: guard.silenced },
      loudness: meter?.finish() ?? null,
    });
    return length;
  };
  const ended = child.done.then(() => {}).finally(() => options.signal.removeEventListener("abort", discard));
  ended.catch(() => {});
  return { pcm: guardPcm(child.stdout, target.channels, guard, meter?.push), duration, args, ended };
}

/** Behind a resampler the source's own count can no longer be told from the frames. */
const chooseTap = ({ stream, target, trueLength }: Omit<PcmDecodePlan, "tap">): string | undefined =>
  stream.sampleRateHz !== target.sampleRateHz && trueLength.samples === null ? countingTap : undefined;

/** Waits for a decoder's end, and tells how long that was which it gave. */
async function readEnd({ done }: Pick<StartedProcess, "done">, plan: PcmDecodePlan, framesSeen: number) {
  const { media, stream, trueLength, tap } = plan;
  const { stderrTail } = await done.catch((error: unknown) => {
    throw nameFile(error, media.name);
  });
  const promised = trueLength.samples ?? Number.POSITIVE_INFINITY;
  if (framesSeen === 0 && (promised <= 0 || promised > flushTolerance.samples)) {
    throw new MixdownError("input_empty", {
      message: `${media.name} has an audio stream (${stream.codec}) without a single sample that can be decoded. Export it again.`,
      stderrTail,
    });
  }
  return settleLength(plan, framesSeen, tap === undefined ? null : parseCountedFrames(stderrTail, stream.channels));
}

/** An input that was decoded into a file, whole before it is asked for. */
export interface PcmFileSource extends PcmPiece<FileRun> {
  readonly args: readonly string[];
  /** As for a `PcmSource`. */
  readonly ended: Promise<void>;
}

export interface PcmFileOptions {
  readonly path: string;
  readonly signal: AbortSignal;
  /** What came, without what only listening tells. */
  onEnd(end: Pick<PcmSourceEnd, "duration" | "missingSeconds">, run: FileRun): void;
}

/** Starts a decoder that need not wait for its turn. The file is the caller's to remove; nothing in it was checked. */
export function openPcmFile(
  toolchain: Toolchain,
  plan: Omit<PcmDecodePlan, "tap">,
  { path, signal, onEnd }: PcmFileOptions,
): PcmFileSource {
  const frameBytes = 4 * plan.target.channels;
  const tapped = { ...plan, tap: chooseTap(plan) };
  const decode = buildPcmDecodeArgs(tapped, `file:${path}`);
  // Headers lie, and nobody looks at what comes while it comes.
  const most = ["-t", String(limits.inputDurationSeconds + 1)];
  const child = startFfmpeg(toolchain, ["-y", ...decode.slice(0, -1), ...most, ...decode.slice(-1)], { signal });
  child.stdout.resume();
  const ended = child.done.then(() => {});
  ended.catch(() => {});
  async function* whole(): AsyncGenerator<FileRun> {
    await ended.catch((error: unknown) => {
      throw nameFile(error, plan.media.name);
    });
    const { size } = await stat(path);
    if (size > limits.inputDurationSeconds * plan.target.sampleRateHz * frameBytes)
      throw describeEndless(plan.media.name);
    if (size >= frameBytes) yield new FileRun(path, 0, size - (size % frameBytes));
  }
  const duration = async (framesSeen: number): Promise<ExactSeconds> => {
    const { length, missingSeconds } = await readEnd(child, tapped, framesSeen);
    onEnd({ duration: length, missingSeconds }, new FileRun(path, 0, framesSeen * frameBytes));
    return length;
  };
  return { pcm: whole(), duration, args: buildPcmDecodeArgs(tapped), ended };
}

/**
 * The exact length of an input of which `framesSeen` frames came at the target's rate: the container's count where the
 * frames agree with it, else what the decoder counted, else the frames themselves.
 */
export function settleLength(
  { stream, target, trueLength }: Pick<PcmDecodePlan, "stream" | "target" | "trueLength">,
  framesSeen: number,
  counted: number | null,
): { readonly length: ExactSeconds; readonly missingSeconds: number } {
  const promised = trueLength.samples;
  const seen = samplesToSeconds(framesSeen, target.sampleRateHz);
  if (promised === null) {
    return { length: counted === null ? seen : samplesToSeconds(counted, stream.sampleRateHz), missingSeconds: 0 };
  }
  const missingFrames = (promised * target.sampleRateHz) / stream.sampleRateHz - framesSeen;
  const resampled = stream.sampleRateHz !== target.sampleRateHz;
  const whole = resampled
    ? missingFrames <= flushTolerance.frames || promised <= flushTolerance.samples
    : missingFrames <= 0;
  return whole
    ? { length: samplesToSeconds(promised, stream.sampleRateHz), missingSeconds: 0 }
    : { length: seen, missingSeconds: missingFrames / target.sampleRateHz };
}

/** An input's fault, told with its name: among 500 files one must know which. */
function nameFile(error: unknown, name: string): unknown {
  if (!(error instanceof MixdownError) || error.source !== "user") return error;
  return new MixdownError(error.code, {
    message: `${name}: ${error.message}`,
    retryable: error.retryable,
    cause: error,
    ...(error.stderrTail === undefined ? {} : { stderrTail: error.stderrTail }),
  });
}
