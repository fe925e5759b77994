import { MixdownError } from "../../core/errors.ts";
import type { Warning } from "../../core/report.ts";
import { loudnessToleranceLu } from "../media/master/mastering.ts";
import type { FinishedMix } from "./mix-finish.ts";
import type { MixPlan } from "./mix-plan.ts";

/** Below these nobody hears it. */
const audible = { missingSeconds: 0.005, differenceLu: 6 };

/**
 * What a user should know of a finished mix, one sentence each.
 * @throws MixdownError `quality_out_of_bounds` where a bound is missed and `strict` was asked for
 */
export function describeMix(plan: MixPlan, finished: FinishedMix): Warning[] {
  const missed = findMissedBounds(plan, finished);
  if (plan.params.strict && missed.length > 0) {
    const message = missed.map(({ detail }) => detail).join(" ");
    throw new MixdownError("quality_out_of_bounds", { message });
  }
  return [...missed, ...finished.warnings, ...describeInputs(plan)];
}

function findMissedBounds({ params }: MixPlan, { reading, limited }: FinishedMix): Warning[] {
  const { integratedLufs, truePeakDbtp } = reading;
  const warnings: Warning[] = [];
  if (integratedLufs !== null && Math.abs(integratedLufs - params.loudnessLufs) > loudnessToleranceLu) {
    const why = limited ? ` under a true peak of ${params.ceilingDbtp} dBTP` : "";
    const detail = `The result is at ${integratedLufs.toFixed(1)} LUFS; ${params.loudnessLufs} could not be reached${why}. Choose a lower loudness or a higher ceiling.`;
    warnings.push({ code: "loudness_not_reached", detail });
  }
  if (truePeakDbtp !== null && truePeakDbtp > params.ceilingDbtp) {
    const detail = `The result's true peak is ${truePeakDbtp.toFixed(2)} dBTP, above the ceiling of ${params.ceilingDbtp}: the codec raised it. Choose a lower ceiling, or a lossless format.`;
    warnings.push({ code: "ceiling_not_kept", detail });
  }
  return warnings;
}

function describeInputs({ narration, music, levels, params }: MixPlan): Warning[] {
  const warnings: Warning[] = [];
  for (const { input, end } of narration) {
    if (end.missingSeconds < audible.missingSeconds) continue;
    const detail = `${input.media.name} ends ${end.missingSeconds.toFixed(3)} s before its header says: it is cut off or damaged. What is there was used.`;
    warnings.push({ code: "input_ends_early", detail });
  }
  if (levels.speech.length === 0) {
    const detail = "No speech was found in the narration: the music was not ducked.";
    warnings.push({ code: "narration_silent", detail });
  }
  if (music.reading.truePeakDbtp === null || (levels.musicLuBelow === null && levels.speech.length > 0)) {
    warnings.push({ code: "music_silent", detail: `${music.input.media.name} is silent where it is used.` });
  }
  if (levels.musicHeldBack) {
    const detail = `${music.input.media.name} is so quiet that it was raised by ${levels.musicGainDb.toFixed(0)} dB only: it lies ${levels.musicLuBelow?.toFixed(0)} LU under the voice, rather than ${Math.max(params.duckDb, params.musicLufsBelow)}.`;
    warnings.push({ code: "music_too_quiet", detail });
  }
  const voices = levels.voiceLufs.flatMap((lufs, index) => (lufs === null ? [] : [{ lufs, index }]));
  const quietest = voices.toSorted((a, b) => a.lufs - b.lufs)[0];
  const loudest = voices.toSorted((a, b) => b.lufs - a.lufs)[0];
  if (quietest !== undefined && loudest !== undefined && loudest.lufs - quietest.lufs > audible.differenceLu) {
    const nameOf = (index: number): string => narration[index]?.input.media.name ?? "";
    const detail = `${nameOf(quietest.index)} is ${(loudest.lufs - quietest.lufs).toFixed(1)} LU quieter than ${nameOf(loudest.index)}, and the music is set by the quieter one. Bring them to one loudness with clean first.`;
    warnings.push({ code: "narration_levels_differ", detail });
  }
  return warnings;
}
