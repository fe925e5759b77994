import { join } from "node:path";
import { audioFormats } from "../../core/kinds/audio-formats.ts";
import type { StitchParams } from "../../core/kinds/index.ts";
import type { Measurement, Warning } from "../../core/report.ts";
import type { PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import { toNumber } from "../media/pcm/pcm-time.ts";
import { probeMedia } from "../media/probe/probe.ts";
import { readTrueLength, readWrittenSamples } from "../media/probe/true-length.ts";
import { mapBounded } from "../process/map-bounded.ts";
import { type LoudnessMatch, matchLoudness } from "./match-loudness.ts";
import { type InputReading, isMixedDown, measureInput, readOwn } from "./measure-input.ts";
import type { Recipe, RecipeContext, RecipeOutput, RecipeResult } from "./recipe.ts";
import { stitchFast } from "./stitch-fast.ts";
import { joinInputs, measuredShare } from "./stitch-join.ts";
import {
  buildStitchPlan,
  chooseStitchFormat,
  estimateSeconds,
  type StitchInput,
  type StitchPlan,
} from "./stitch-plan.ts";
import { describeJoin } from "./stitch-warnings.ts";
import { writePeaks } from "./write-peaks.ts";

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
