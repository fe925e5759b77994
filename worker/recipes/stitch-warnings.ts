import { audioFormats } from "../../core/kinds/audio-formats.ts";
import type { StitchParams } from "../../core/kinds/index.ts";
import type { Warning } from "../../core/report.ts";
import type { JoinedPiece } from "../media/pcm/pcm-joiner.ts";
import type { Overs } from "../media/pcm/pcm-overs.ts";
import type { PcmSourceEnd } from "../media/pcm/pcm-source.ts";
import type { LoudnessMatch } from "./match-loudness.ts";
import type { StitchInput, StitchPlan } from "./stitch-plan.ts";

export interface FinishedJoin {
  readonly inputs: readonly StitchInput[];
  readonly ends: readonly PcmSourceEnd[];
  readonly pieces: readonly JoinedPiece[];
  readonly overs: Overs;
  readonly match: LoudnessMatch | null;
  readonly plan: StitchPlan;
  readonly params: StitchParams;
}

/** Below these nobody hears it: a lost frame of a codec's tail; a gain that misses its aim. */
const audible = { missingSeconds: 0.005, heldBackDb: 0.5 };

/** What a user should know of a finished join, one sentence each. */
export function describeJoin(join: FinishedJoin): Warning[] {
  const { inputs, ends, pieces, overs, match, plan, params } = join;
  const nameOf = (index: number): string => inputs[index]?.media.name ?? `input ${index + 1}`;
  const warnings: Warning[] = [];

  for (const [index, { missingSeconds }] of ends.entries()) {
    if (missingSeconds < audible.missingSeconds) continue;
    const detail = `${nameOf(index)} ends ${missingSeconds.toFixed(3)} s before its header says: it is cut off or damaged. What is there was joined; the next input follows at once.`;
    warnings.push({ code: "input_ends_early", detail });
  }

  for (const [index, { silencedSamples }] of ends.entries()) {
    if (silencedSamples === 0) continue;
    const detail = `${nameOf(index)} holds ${silencedSamples} samples that are no numbers or lie 54 dB above full scale: they became silence.`;
    warnings.push({ code: "samples_silenced", detail });
  }

  const shortened = pieces.flatMap((piece, index) => (piece.overlapShortened ? [index] : []));
  const [firstShort] = shortened;
  if (firstShort !== undefined) {
    const { sampleRateHz } = plan.target;
    const shortest = Math.min(...shortened.map((index) => pieces[index]?.overlapFrames ?? 0));
    const detail = `${shortened.length} of ${pieces.length - 1} crossfades are shorter than ${params.crossfadeMs} ms, the first before ${nameOf(firstShort)}, the shortest ${((1000 * shortest) / sampleRateHz).toFixed(1)} ms: an overlap takes at most half of the shorter neighbour.`;
    warnings.push({ code: "crossfade_shortened", detail });
  }

  const heldBack = (match?.heldBackDb ?? []).flatMap((db, index) => (db >= audible.heldBackDb ? [{ db, index }] : []));
  for (const { db, index } of heldBack) {
    const detail = `${nameOf(index)} stays ${db.toFixed(1)} dB below the others' loudness: more gain would lift its true peak above -1 dBTP.`;
    warnings.push({ code: "loudness_not_matched", detail });
  }

  // Floats hold what is beyond full scale; so do lossy codecs, and their decoders clip.
  if (overs.count > 0 && plan.encoder.codec !== "pcm_f32le") {
    const excess = (20 * Math.log10(overs.peak)).toFixed(2);
    const where = audioFormats[plan.encoder.format].lossless ? "they were clipped" : "a player may clip them";
    const detail = `${overs.count} samples lie up to ${excess} dB above full scale, as they do in the inputs; ${where}.`;
    warnings.push({ code: "samples_above_full_scale", detail });
  }
  return warnings;
}
