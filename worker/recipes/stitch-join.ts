import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import type { StitchParams } from "../../core/kinds/index.ts";
import { encodeVerified } from "../media/encode/encode.ts";
import { hearFile } from "../media/encode/hear-file.ts";
import type { Hearing } from "../media/encode/hear-segments.ts";
import { segmentsOfRuns } from "../media/encode/segment-inputs.ts";
import { countAhead, writeWavOf } from "../media/encode/wav-segments.ts";
import type { LoudnessReading } from "../media/meters/loudness-meter.ts";
import type { FileRun } from "../media/pcm/file-run.ts";
import { toFloats } from "../media/pcm/float-frames.ts";
import { type JoinedPiece, type JoinFormat, joinPcm, joinRuns } from "../media/pcm/pcm-joiner.ts";
import { createOversCounter, type Overs } from "../media/pcm/pcm-overs.ts";
import type { PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import { addSeconds, millisecondsToSeconds, toNumber } from "../media/pcm/pcm-time.ts";
import type { PeaksAccumulator } from "../media/waveform/peaks.ts";
import { createYoungSweeper } from "../process/sweep-young.ts";
import { hasThreads, startThreads } from "../start-threads.ts";
import type { LoudnessMatch } from "./match-loudness.ts";
import type { RecipeContext, RecipeResult } from "./recipe.ts";
import { openStitchPieces, openStitchRuns } from "./stitch-pieces.ts";
import { estimateSeconds, type StitchInput, type StitchPlan } from "./stitch-plan.ts";
import { createOutputPeaks, samplesPerPixel } from "./write-peaks.ts";

export interface JoinWork {
  readonly inputs: readonly StitchInput[];
  readonly plan: StitchPlan;
  readonly match: LoudnessMatch | null;
  /** Whether the inputs' loudness is known already. */
  readonly measured: boolean;
  readonly path: string;
}

export interface JoinedInputs {
  readonly pieces: readonly JoinedPiece[];
  /** One an input. */
  readonly ends: readonly PcmSourceEnd[];
  /** Of the encoded file. */
  readonly reading: LoudnessReading;
  readonly exactSeconds: number;
  readonly overs: Overs;
  readonly peaks: PeaksAccumulator | null;
  readonly steps: RecipeResult["steps"];
}

/** What measuring beforehand has of the progress, percent, where it is done. */
export const measuredShare = 35;

/** From here on several threads are worth their start. */
const longSeconds = 120;

/** Joins the inputs into the file at `path`, in one pass. */
export async function joinInputs(context: RecipeContext, params: StitchParams, work: JoinWork): Promise<JoinedInputs> {
  const secondsExpected = work.inputs.reduce((sum, input) => sum + estimateSeconds(input), 0);
  const job = { ...work, params, onProgress: spanProgress(context, work.measured, secondsExpected) };
  try {
    // Other formats wait for their encoder, which is one.
    const isWide = work.plan.encoder.format === "wav" && secondsExpected >= longSeconds && hasThreads();
    return await (isWide ? joinOnThreads(context, job) : joinInPassing(context, job));
  } catch (error) {
    // Streams that are torn down fail in many words; the reason is one.
    throw context.signal.aborted ? context.signal.reason : error;
  }
}

interface JoinJob extends JoinWork {
  readonly params: StitchParams;
  onProgress(seconds: number): void;
}

function spanProgress(context: RecipeContext, measured: boolean, secondsExpected: number) {
  const from = measured ? 5 + measuredShare : 5;
  return (seconds: number): void => {
    const part = Math.min(1, seconds / Math.max(secondsExpected, 0.001));
    context.onProgress("processing", Math.min(99, from + Math.floor((99 - from) * part)));
  };
}

const chooseFormat = ({ plan: { target }, params }: JoinJob): JoinFormat => ({
  ...{ sampleRateHz: target.sampleRateHz, channels: target.channels },
  gap: millisecondsToSeconds(params.gapMs),
  crossfade: millisecondsToSeconds(params.crossfadeMs),
});

/** All samples pass through here, into one encoder. */
async function joinInPassing(context: RecipeContext, job: JoinJob): Promise<JoinedInputs> {
  const { plan, path, onProgress } = job;
  const { sampleRateHz, channels } = plan.target;
  const pieces: JoinedPiece[] = [];
  const ends: PcmSourceEnd[] = [];
  const overs = createOversCounter();
  const sources = openStitchPieces(context, {
    ...{ inputs: job.inputs, target: plan.target, match: job.match, measure: !job.measured },
    onEnd: (end) => ends.push(end),
  });
  const sweep = createYoungSweeper();
  let joinedFrames = Number.POSITIVE_INFINITY;
  const joined = async function* () {
    let frames = 0;
    for await (const chunk of joinPcm(sources.pieces, chooseFormat(job), (piece) => pieces.push(piece))) {
      overs.push(toFloats(chunk));
      sweep(chunk.length);
      frames += chunk.length / (4 * channels);
      yield chunk;
    }
    joinedFrames = frames;
  };
  const peaks = context.peaks ? createOutputPeaks({ sampleRateHz, channels }) : null;
  try {
    const { reading, argv } = await encodeVerified({
      toolchain: context.toolchain,
      source: { pcm: Readable.from(joined(), { objectMode: false, highWaterMark: 262_144 }), sampleRateHz, channels },
      plan: plan.encoder,
      outPath: path,
      extraOutputArgs: plan.tagArgs,
      signal: context.signal,
      onProgress,
      // What a codec pads behind the end comes only after all was read, when the length is known.
      ...(peaks === null
        ? {}
        : {
            onPcm16: cutAt(
              () => joinedFrames * channels * 2,
              (chunk) => peaks.push(chunk),
            ),
          }),
    });
    const steps = [...sources.steps, describeEncode(argv, path)];
    return { pieces, ends, reading, exactSeconds: sumSeconds(pieces), overs, peaks, steps };
  } finally {
    await sources.close();
  }
}

/** The inputs are decoded side by side into files, and threads put together what lies there: for WAV. */
async function joinOnThreads(context: RecipeContext, job: JoinJob): Promise<JoinedInputs> {
  const { plan, path, onProgress, measured } = job;
  const { scratchDir, toolchain, signal } = context;
  const { sampleRateHz, channels } = plan.target;
  // Most of the work is the decoders': a thread less is 30 MB less.
  const beside = Math.max(1, availableParallelism() - 1);
  const pool = startThreads(signal, beside);
  const pieces: JoinedPiece[] = [];
  const ends = new Map<number, PcmSourceEnd>();
  /** What is being listened to, by its path: it must not go before. */
  const heard = new Map<string, Promise<void>>();
  const hear = async (run: FileRun, end: Pick<PcmSourceEnd, "duration" | "missingSeconds">, index: number) => {
    const { reading, silencedSamples } = await hearFile(pool, plan.target, run);
    ends.set(index, { ...end, silencedSamples, loudness: measured ? null : reading });
  };
  const sources = openStitchRuns(
    context,
    {
      ...{ inputs: job.inputs, target: plan.target, match: job.match, measure: !measured },
      onEnd: (end, index) => ends.set(index, end),
    },
    {
      // Besides the one that is waited for.
      ahead: beside,
      onFile(run, end, index) {
        const hearing = hear(run, end, index);
        // Awaited before anything is told of it; until then its failure is no unhandled one.
        hearing.catch(() => {});
        heard.set(run.path, hearing);
      },
    },
  );
  const peaks = context.peaks ? createOutputPeaks({ sampleRateHz, channels }) : null;
  const hearing: Hearing = {
    ...{ pool, scratchDir, samplesPerPixel: peaks === null ? null : samplesPerPixel, withPauses: false },
    onPart: (part) => {
      if (part.peaks !== null) peaks?.append(part.peaks);
    },
  };
  const inputs = segmentsOfRuns({
    runs: joinRuns(sources.pieces, chooseFormat(job), (piece) => pieces.push(piece)),
    ...{ channels, prefix: join(scratchDir, "joined"), mostFrames: countAhead(hearing, sampleRateHz) },
    async release(file) {
      await heard.get(file)?.catch(() => {});
      await rm(file, { force: true });
    },
  });
  try {
    const request = { toolchain, plan: plan.encoder, outPath: path, extraOutputArgs: plan.tagArgs, signal, onProgress };
    const written = await writeWavOf(inputs, { ...request, hearing });
    await Promise.all(heard.values());
    return {
      ...{ pieces, reading: written.reading, exactSeconds: sumSeconds(pieces), overs: written.clipped, peaks },
      ends: job.inputs.map((_, index) => ends.get(index) as PcmSourceEnd),
      steps: [...sources.steps, describeEncode(written.argv, path)],
    };
  } finally {
    await pool.close();
    await sources.close();
  }
}

/** The encoder runs in the output's folder; only its last argument names the file. */
const describeEncode = (argv: readonly string[], path: string) => ({
  argv: ["ffmpeg", ...argv.slice(1, -1), argv.at(-1)?.replaceAll(basename(path), "{out}") ?? ""],
});

function sumSeconds(pieces: readonly JoinedPiece[]): number {
  const last = pieces.at(-1);
  return last === undefined ? 0 : toNumber(addSeconds(last.start, last.duration));
}

/** Passes bytes on until as many as `limit` says at that moment. */
function cutAt(limit: () => number, push: (chunk: Uint8Array) => void): (chunk: Uint8Array) => void {
  let passed = 0;
  return (chunk) => {
    const kept = chunk.subarray(0, Math.max(0, limit() - passed));
    passed += kept.length;
    push(kept);
  };
}
