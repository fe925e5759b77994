import { join } from "node:path";
import { audioFormats } from "../../core/kinds/audio-formats.ts";
import type { MixParams } from "../../core/kinds/index.ts";
import type { Measurement } from "../../core/report.ts";
import { addSeconds, toFrame, toNumber, zeroSeconds } from "../media/pcm/pcm-time.ts";
import { type FinishedMix, finishMix } from "./mix-finish.ts";
import { probeMixInputs } from "./mix-inputs.ts";
import type { MixTrack } from "./mix-measure.ts";
import { loopCrossfadeMs } from "./mix-music.ts";
import { type MixPlan, planMix } from "./mix-plan.ts";
import { describeMix } from "./mix-warnings.ts";
import type { Recipe } from "./recipe.ts";
import { buildStitchPlan, chooseStitchFormat } from "./stitch-plan.ts";

/**
 * Lays music under narration. First pass: every input decoded once, to find its loudness and the speech. Second: decoded
 * again, mixed with the gains that follow, limited, encoded, and measured as encoded. Memory: a few chunks, and 400 bytes
 * a second of sound.
 */
export const mix: Recipe<MixParams> = async (context, params) => {
  try {
    return await makeMix(context, params);
  } catch (error) {
    // What was told to stop fails in many words; the reason is one.
    throw context.signal.aborted ? context.signal.reason : error;
  }
};

const makeMix: Recipe<MixParams> = async (context, params) => {
  const inputs = await probeMixInputs(context);
  const [first] = inputs.narration;
  if (first === undefined) throw new RangeError("a mix without narration was accepted");
  const format = params.format ?? chooseStitchFormat(first);
  const output = buildStitchPlan([...inputs.narration, inputs.music], format);
  const plan = await planMix(context, params, inputs, output);
  const path = join(context.scratchDir, `mixed.${format}`);
  const finished = await finishMix(context, plan, path);
  context.onProgress("processing", 100);
  const { contentType } = audioFormats[format];
  return {
    outputs: [
      { name: `mixed.${format}`, path, contentType, durationSeconds: plan.totalFrames / output.target.sampleRateHz },
      ...finished.peaks,
    ],
    report: buildReport(plan, finished),
    warnings: describeMix(plan, finished),
    steps: finished.steps,
  };
};

function buildReport(plan: MixPlan, { reading, gainDb, limited, corrected }: FinishedMix) {
  const { output, levels, params, narration, music, starts, totalFrames, preRollFrames } = plan;
  const { encoder, target } = output;
  const rate = target.sampleRateHz;
  const round = (value: number): number => Math.round(value * 1000) / 1000;
  const musicSeconds = toNumber(music.end.duration);
  const inOrder = [...narration, music].toSorted((a, b) => a.input.index - b.input.index);
  return {
    before: inOrder.map((track) => describeTrack(track, track === music ? plan.musicSeconds : null)),
    after: {
      integratedLufs: reading.integratedLufs,
      truePeakDbtp: reading.truePeakDbtp,
      loudnessRangeLu: reading.loudnessRangeLu,
      noiseFloorDbfs: null,
      durationSeconds: totalFrames / rate,
      sampleRateHz: encoder.sampleRateHz,
      channels: encoder.channels,
      codec: encoder.codec,
      measured: "whole" as const,
    },
    mix: {
      narration: narration.map(({ end }, index) => {
        const start = starts[index] ?? zeroSeconds;
        const from = preRollFrames + toFrame(start, rate);
        const frames = preRollFrames + toFrame(addSeconds(start, end.duration), rate) - from;
        return { startSeconds: from / rate, durationSeconds: frames / rate };
      }),
      speech: levels.speech.slice(0, mostSpans).map(({ startSeconds, endSeconds }) => ({
        startSeconds: round(startSeconds),
        endSeconds: round(endSeconds),
      })),
      speechCount: levels.speech.length,
      speechSeconds: round(levels.speech.reduce((sum, span) => sum + span.endSeconds - span.startSeconds, 0)),
      duckDb: params.duckDb,
      musicLuBelow: levels.musicLuBelow,
      musicGainDb: levels.musicGainDb,
      gainDb,
      musicLoops: Math.max(
        0,
        Math.ceil(totalFrames / rate / Math.max(musicSeconds - loopCrossfadeMs / 1000, 0.001)) - 1,
      ),
      limited,
      corrected,
    },
  };
}

/** A report is a document, not a list of ten hours' sentences. */
const mostSpans = 500;

/** @param fileSeconds of music, of which only the beginning may have been used and measured */
function describeTrack({ input, reading, end }: MixTrack, fileSeconds: number | null): Measurement {
  const usedSeconds = toNumber(end.duration);
  const isPart = fileSeconds !== null && fileSeconds > usedSeconds + 0.001;
  return {
    integratedLufs: reading.integratedLufs,
    truePeakDbtp: reading.truePeakDbtp,
    loudnessRangeLu: reading.loudnessRangeLu,
    noiseFloorDbfs: null,
    durationSeconds: isPart ? fileSeconds : usedSeconds,
    sampleRateHz: input.stream.sampleRateHz,
    channels: input.stream.channels,
    codec: input.stream.codec,
    measured: isPart ? "used" : "whole",
  };
}
