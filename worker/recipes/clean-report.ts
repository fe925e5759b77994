import { MixdownError } from "../../core/errors.ts";
import type { CleanParams } from "../../core/kinds/index.ts";
import type { Measurement, Report, Warning } from "../../core/report.ts";
import { buildEditList } from "../media/clean/edit-list.ts";
import type { RenderedClean } from "../media/clean/render-clean.ts";
import type { AudioSurvey } from "../media/clean/survey-audio.ts";
import { hasAudibleNoise, type Treatment } from "../media/clean/treatment.ts";
import type { EncoderPlan } from "../media/encode/encoder-plan.ts";
import { loudnessToleranceLu, type MasteringResult } from "../media/master/mastering.ts";
import type { LoudnessReading } from "../media/meters/loudness-meter.ts";
import type { AudioStream } from "../media/probe/media-info.ts";

export interface CleanFacts {
  readonly stream: AudioStream;
  readonly encoder: EncoderPlan;
  readonly before: AudioSurvey;
  readonly treatment: Treatment;
  readonly rendered: RenderedClean;
  readonly mastered: MasteringResult;
  readonly pauseLevelAfterDbfs: number | null;
}

export function buildCleanReport(facts: CleanFacts, params: CleanParams): Report {
  const { stream, encoder, before, treatment, rendered, mastered } = facts;
  const { sampleRateHz, channels } = stream;
  const shape = { sampleRateHz, channels, codec: stream.codec };
  return {
    before: [describe(before.reading, before.pauseLevelDbfs, shape)],
    after: describe(mastered.reading, facts.pauseLevelAfterDbfs, encoder),
    treatment: {
      noise: nameNoise(facts),
      noiseFloorDbfs: before.noise.noiseFloorDbfs,
      humHz: before.hum?.fundamentalHz ?? null,
      humHarmonics: before.hum?.harmonics.length ?? 0,
      denoiser: treatment.denoise === null ? null : `spectral, ${treatment.denoise.depthDb.toFixed(1)} dB`,
      gainDb: mastered.gainDb,
      limited: mastered.limited,
      corrected: mastered.corrected,
    },
    ...(params.trimSilence ? { edits: [...buildEditList(rendered.stretches, sampleRateHz)] } : {}),
  };
}

function describe(
  reading: LoudnessReading,
  noiseFloorDbfs: number | null,
  shape: { readonly sampleRateHz: number; readonly channels: number; readonly codec: string },
): Measurement {
  const { integratedLufs, truePeakDbtp, loudnessRangeLu, frames } = reading;
  const { sampleRateHz, channels, codec } = shape;
  return {
    ...{ integratedLufs, truePeakDbtp, loudnessRangeLu, noiseFloorDbfs },
    ...{ durationSeconds: frames / sampleRateHz, sampleRateHz, channels, codec, measured: "whole" },
  };
}

type NoiseName = NonNullable<Report["treatment"]>["noise"];

/** Noise counts where it is loud enough to be treated, whether or not it was. */
function nameNoise({ before }: CleanFacts): NoiseName {
  const noise = hasAudibleNoise(before.noise) ? before.noise.texture : null;
  if (before.hum === null) return noise ?? "none";
  return noise === null || noise === "unsteady" ? "hum" : `${noise}+hum`;
}

/** What a listener should know about the result. With `strict`, a missed bound throws quality_out_of_bounds. */
export function judgeClean({ mastered, rendered, before }: CleanFacts, params: CleanParams): readonly Warning[] {
  const { integratedLufs, truePeakDbtp } = mastered.reading;
  if (before.reading.truePeakDbtp === null) {
    return [{ code: "input_silent", detail: "The input is digital silence; so is the output." }];
  }
  const missed: Warning[] = [];
  if (before.silencedSamples > 0) {
    missed.push({
      code: "samples_silenced",
      detail: `${before.silencedSamples} samples of the input are no numbers or lie 54 dB above full scale: they became silence.`,
    });
  }
  if (integratedLufs !== null && Math.abs(integratedLufs - params.loudnessLufs) > loudnessToleranceLu) {
    missed.push({
      code: "loudness_not_reached",
      detail: `The result is at ${integratedLufs.toFixed(1)} LUFS; ${params.loudnessLufs} LUFS under ${params.ceilingDbtp} dBTP could not be reached.`,
    });
  }
  if (truePeakDbtp !== null && truePeakDbtp > params.ceilingDbtp) {
    missed.push({
      code: "ceiling_not_kept",
      detail: `The encoded result peaks at ${truePeakDbtp.toFixed(2)} dBTP; ${params.ceilingDbtp} dBTP was asked for.`,
    });
  }
  const first = missed.find((warning) => warning.code !== "samples_silenced");
  if (first !== undefined && params.strict) throw new MixdownError("quality_out_of_bounds", { message: first.detail });
  if (rendered.reading.integratedLufs === null) {
    const detail =
      "There is no loudness to bring to the target: the sound is shorter than 0.4 s or quieter than −70 LUFS.";
    missed.push({ code: "loudness_not_measurable", detail });
  }
  return missed;
}
