import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { audioFormats } from "../../core/kinds/audio-formats.ts";
import type { StitchParams } from "../../core/kinds/index.ts";
import type { Measurement, Warning } from "../../core/report.ts";
import { encodeVerified } from "../media/encode/encode.ts";
import { type JoinedPiece, joinPcm } from "../media/pcm/pcm-joiner.ts";
import { createOversCounter } from "../media/pcm/pcm-overs.ts";
import type { PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import { addSeconds, millisecondsToSeconds, toNumber } from "../media/pcm/pcm-time.ts";
import { probeMedia } from "../media/probe/probe.ts";
import { readTrueLength, readWrittenSamples } from "../media/probe/true-length.ts";
import { mapBounded } from "../process/map-bounded.ts";
import { createYoungSweeper } from "../process/sweep-young.ts";
import { type LoudnessMatch, matchLoudness } from "./match-loudness.ts";
import { type InputReading, isMixedDown, measureInput, readOwn } from "./measure-input.ts";
import type { Recipe, RecipeContext, RecipeOutput, RecipeResult } from "./recipe.ts";
import { stitchFast } from "./stitch-fast.ts";
import { openStitchPieces } from "./stitch-pieces.ts";
import { buildStitchPlan, chooseStitchFormat, type StitchInput, type StitchPlan } from "./stitch-plan.ts";
import { describeJoin } from "./stitch-warnings.ts";
import { createOutputPeaks, writePeaks } from "./write-peaks.ts";

/** Decoders and probes at a time: two cores, and one ffmpeg more is 20 MB more. */
const concurrency = 2;

/** Joins inputs end to end: by copying where that can be, else to the sample by decoding. */
export const stitch: Recipe<StitchParams> = async (context, params) => {
  const fast = await stitchFast(context, params);
  return fast.result ?? stitchExact(context, params, fast.reason);
};

/**
 * Joins to the sample: one pass in which each input is decoded once, cut to its true length, and streamed into one
 * encoder. Nothing is written but the output.
 */
async function stitchExact(context: RecipeContext, params: StitchParams, reason: string): Promise<RecipeResult> {
  const inputs = await probeInputs(context);
  const [first] = inputs;
  const format = params.format ?? (first === undefined ? "wav" : chooseStitchFormat(first));
  const plan = buildStitchPlan(inputs, format);
  // Beforehand, where the gains depend on it, and where the joined samples do not tell.
  const beforehand = params.matchLoudness || inputs.some((input) => isMixedDown(input, plan.target));
  const measured = beforehand ? await measureInputs(context, inputs, plan) : null;
  const path = join(context.scratchDir, `stitched.${format}`);
  const match = params.matchLoudness ? (measured?.match ?? null) : null;
  const joined = await joinInputs(context, params, { inputs, plan, match, measured: measured !== null, path });
  const { pieces, ends, reading, exactSeconds } = joined;

  const written = await readWrittenSeconds(context, plan, path);
  const outputs: RecipeOutput[] = [
    { name: `stitched.${format}`, path, contentType: audioFormats[format].contentType, durationSeconds: written },
  ];
  if (joined.peaks !== null) outputs.push(...(await writePeaks(context.scratchDir, joined.peaks)));
  const gains = match?.gainsDb ?? [];
  const loudness = measured?.loudness ?? inputs.map((input, index) => readHeard(input, ends[index], plan));
  context.onProgress("processing", 100);
  return {
    outputs,
    report: {
      before: inputs.map((input, index) => describeInput(input, ends[index], loudness[index] ?? null)),
      after: {
        integratedLufs: reading.integratedLufs,
        truePeakDbtp: reading.truePeakDbtp,
        loudnessRangeLu: reading.loudnessRangeLu,
        noiseFloorDbfs: null,
        durationSeconds: written,
        sampleRateHz: plan.encoder.sampleRateHz,
        channels: plan.encoder.channels,
        codec: plan.encoder.codec,
        measured: "whole",
      },
      join: {
        way: "exact",
        reason,
        pieces: pieces.map((piece, index) => ({
          startSeconds: piece.startFrame / plan.target.sampleRateHz,
          durationSeconds: piece.frames / plan.target.sampleRateHz,
          gainDb: gains[index] ?? 0,
        })),
        driftMs: (written - exactSeconds) * 1000,
      },
    },
    warnings: [
      ...(params.join === "fast" ? [describeUnavailable(reason)] : []),
      ...describeJoin({ inputs, ends, pieces, overs: joined.overs, match, plan, params }),
    ],
    steps: joined.steps,
  };
}

const describeUnavailable = (reason: string): Warning => ({
  code: "fast_join_unavailable",
  detail: `join is fast, but the exact way was taken, which encodes again. ${reason}`,
});

async function probeInputs(context: RecipeContext): Promise<StitchInput[]> {
  context.onProgress("probing", 0);
  let done = 0;
  return mapBounded(context.inputs, concurrency, async ({ path, name }) => {
    const media = await probeMedia(context.toolchain, path, name, { signal: context.signal });
    const [stream] = media.audio;
    // The gate refuses a file without audio.
    if (stream === undefined) throw new RangeError(`${name} passed the gate without audio`);
    const trueLength = await readTrueLength(media);
    context.onProgress("probing", Math.floor((5 * ++done) / context.inputs.length));
    return { media, stream, trueLength };
  });
}

const readHeard = (input: StitchInput, end: PcmSourceEnd | undefined, { target }: StitchPlan): InputReading | null =>
  end?.loudness ? readOwn(end.loudness, input, target) : null;

/** Progress of the three parts of a run that measures beforehand, and of the two of others, percent. */
const measuredShare = 35;

async function measureInputs(
  context: RecipeContext,
  inputs: readonly StitchInput[],
  plan: StitchPlan,
): Promise<{ loudness: readonly InputReading[]; match: LoudnessMatch }> {
  let done = 0;
  const readings = await mapBounded(inputs, concurrency, async (input) => {
    const reading = await measureInput(context, input, plan.target);
    context.onProgress("processing", 5 + Math.floor((measuredShare * ++done) / inputs.length));
    return reading;
  });
  const match = matchLoudness(
    readings.map(({ heard, truePeakDbtp }, index) => {
      const input = inputs[index];
      return { integratedLufs: heard, truePeakDbtp, seconds: input === undefined ? 0 : estimateSeconds(input) };
    }),
  );
  return { loudness: readings, match };
}

interface JoinWork {
  readonly inputs: readonly StitchInput[];
  readonly plan: StitchPlan;
  readonly match: LoudnessMatch | null;
  /** Whether the inputs' loudness is known already. */
  readonly measured: boolean;
  readonly path: string;
}

async function joinInputs(context: RecipeContext, params: StitchParams, work: JoinWork) {
  const { inputs, plan, match, measured, path } = work;
  const { sampleRateHz, channels } = plan.target;
  const pieces: JoinedPiece[] = [];
  const ends: PcmSourceEnd[] = [];
  const overs = createOversCounter();
  const sources = openStitchPieces(context, {
    ...{ inputs, target: plan.target, match, measure: !measured },
    onEnd: (end) => ends.push(end),
  });
  const format = {
    ...{ sampleRateHz, channels },
    gap: millisecondsToSeconds(params.gapMs),
    crossfade: millisecondsToSeconds(params.crossfadeMs),
  };
  const sweep = createYoungSweeper();
  let joinedFrames = Number.POSITIVE_INFINITY;
  const joined = async function* () {
    let frames = 0;
    for await (const chunk of joinPcm(sources.pieces, format, (piece) => pieces.push(piece))) {
      overs.push(chunk);
      sweep(chunk.length);
      frames += chunk.length / (4 * channels);
      yield chunk;
    }
    joinedFrames = frames;
  };

  const peaks = context.peaks ? createOutputPeaks({ sampleRateHz, channels }) : null;
  const secondsExpected = inputs.reduce((sum, input) => sum + estimateSeconds(input), 0);
  const from = measured ? 5 + measuredShare : 5;
  try {
    const { reading, argv } = await encodeVerified({
      toolchain: context.toolchain,
      source: { pcm: Readable.from(joined(), { objectMode: false, highWaterMark: 262_144 }), sampleRateHz, channels },
      plan: plan.encoder,
      outPath: path,
      extraOutputArgs: plan.tagArgs,
      signal: context.signal,
      onProgress: (seconds) => {
        const part = Math.min(1, seconds / Math.max(secondsExpected, 0.001));
        context.onProgress("processing", Math.min(99, from + Math.floor((99 - from) * part)));
      },
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
    const last = pieces.at(-1);
    const exactSeconds = last === undefined ? 0 : toNumber(addSeconds(last.start, last.duration));
    // The encoder runs in the output's folder; only its last argument names the file.
    const tee = argv.at(-1)?.replaceAll(basename(path), "{out}") ?? "";
    const encode = { argv: ["ffmpeg", ...argv.slice(1, -1), tee] };
    return { pieces, ends, reading, exactSeconds, overs, peaks, steps: [...sources.steps, encode] };
  } catch (error) {
    // Streams that are torn down fail in many words; the reason is one.
    throw context.signal.aborted ? context.signal.reason : error;
  } finally {
    await sources.close();
  }
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

/** Length of the finished file by its own header: what a player will show, and drift is counted from. */
async function readWrittenSeconds(context: RecipeContext, { encoder }: StitchPlan, path: string): Promise<number> {
  const media = await probeMedia(context.toolchain, path, "the joined file", { signal: context.signal });
  return (await readWrittenSamples(media)) / encoder.sampleRateHz;
}

function describeInput(
  { stream, media }: StitchInput,
  end: PcmSourceEnd | undefined,
  loudness: InputReading | null,
): Measurement {
  return {
    integratedLufs: loudness?.integratedLufs ?? null,
    truePeakDbtp: loudness?.truePeakDbtp ?? null,
    loudnessRangeLu: loudness?.loudnessRangeLu ?? null,
    noiseFloorDbfs: null,
    durationSeconds: end === undefined ? (media.durationSeconds ?? 0) : toNumber(end.duration),
    sampleRateHz: stream.sampleRateHz,
    channels: stream.channels,
    codec: stream.codec,
    measured: "whole",
  };
}

/** Before anything is decoded; for progress and weights. */
const estimateSeconds = ({ media, stream, trueLength }: StitchInput): number =>
  trueLength.samples === null
    ? (stream.durationSeconds ?? media.durationSeconds ?? 0)
    : trueLength.samples / stream.sampleRateHz;
