import type { MixParams } from "../../core/kinds/index.ts";
import { detectSpeech, type SpeechSpan } from "../media/duck/speech-detect.ts";
import { addSeconds, type ExactSeconds, toFrame, toNumber, zeroSeconds } from "../media/pcm/pcm-time.ts";
import { createMixForecast, type MixForecast } from "./mix-forecast.ts";
import { cutMusic, estimateSeconds, type MixInputs, musicTooShort } from "./mix-inputs.ts";
import { chooseMixLevels, type MixLevels } from "./mix-levels.ts";
import { type MixTrack, measureMixTrack } from "./mix-measure.ts";
import { loopCrossfadeMs } from "./mix-music.ts";
import { createSpans } from "./progress-span.ts";
import type { RecipeContext } from "./recipe.ts";
import type { StitchPlan } from "./stitch-plan.ts";

/** Everything that is known before the mix is made. */
export interface MixPlan {
  readonly params: MixParams;
  readonly output: StitchPlan;
  readonly narration: readonly MixTrack[];
  readonly music: MixTrack;
  /** Of the whole file, as its container says. */
  readonly musicSeconds: number;
  /** Exact, in the output. */
  readonly starts: readonly ExactSeconds[];
  readonly preRollFrames: number;
  readonly postRollFrames: number;
  readonly totalFrames: number;
  readonly levels: MixLevels;
  readonly forecast: MixForecast;
}

/** First pass, and what follows from it. */
export async function planMix(
  context: RecipeContext,
  params: MixParams,
  inputs: MixInputs,
  output: StitchPlan,
): Promise<MixPlan> {
  const { target } = output;
  const rate = target.sampleRateHz;
  const { narration, music } = await measureInputs(context, params, inputs, output);
  const preRollFrames = Math.round(params.preRollSeconds * rate);
  const postRollFrames = Math.round(params.postRollSeconds * rate);
  const starts: ExactSeconds[] = [];
  let at: ExactSeconds = zeroSeconds;
  for (const { end } of narration) {
    starts.push(at);
    at = addSeconds(at, end.duration);
  }
  const totalFrames = preRollFrames + toFrame(at, rate) + postRollFrames;
  const voices = narration.map((track, index) => ({
    startSeconds: preRollFrames / rate + toNumber(starts[index] ?? zeroSeconds),
    levels: track.levels,
    peaks: track.peaks,
    heardLu: track.heardLu,
    spans: clampSpans(detectSpeech(track.levels), toNumber(track.end.duration)),
  }));
  const usedSeconds = toNumber(music.end.duration);
  const loopSeconds = usedSeconds - Math.min(loopCrossfadeMs / 1000, usedSeconds / 2);
  const sound = {
    voices,
    music: { ...music, truePeakDbtp: music.reading.truePeakDbtp, loopSeconds },
    totalSeconds: totalFrames / rate,
  };
  const levels = chooseMixLevels(sound, params);
  const forecast = createMixForecast(sound, levels, params.duckDb);
  return {
    ...{ params, output, narration, music, musicSeconds: estimateSeconds(inputs.music), starts },
    ...{ preRollFrames, postRollFrames, totalFrames, levels, forecast },
  };
}

/** Blocks may reach a little beyond a recording's end. */
const clampSpans = (spans: readonly SpeechSpan[], seconds: number): readonly SpeechSpan[] =>
  spans.map(({ startSeconds, endSeconds }) => ({ startSeconds, endSeconds: Math.min(endSeconds, seconds) }));

async function measureInputs(
  context: RecipeContext,
  params: MixParams,
  { narration, music }: MixInputs,
  { target }: StitchPlan,
): Promise<{ narration: readonly MixTrack[]; music: MixTrack }> {
  const rolls = params.preRollSeconds + params.postRollSeconds;
  const estimate = narration.reduce((sum, input) => sum + estimateSeconds(input), 0);
  const before = new Float64Array(narration.length + 1);
  const onProgress = createSpans(context, Math.max(2 * estimate + rolls, 0.001))(5, 35);
  const report = (index: number) => (seconds: number) => {
    before[index] = seconds;
    onProgress(before.reduce((sum, value) => sum + value, 0));
  };
  const measureVoices = async (): Promise<readonly MixTrack[]> => {
    const tracks: MixTrack[] = [];
    for (const [index, input] of narration.entries()) {
      tracks.push(await measureMixTrack(context, input, target, report(index)));
    }
    return tracks;
  };
  const measureMusic = async (voiceSeconds: number): Promise<MixTrack> => {
    const cut = cutMusic(music, params.musicOffsetSeconds, voiceSeconds + rolls + 1);
    try {
      return await measureMixTrack(context, cut, target, report(narration.length));
    } catch (error) {
      const empty = (error as { code?: unknown } | null)?.code === "input_empty";
      // Its length was not known; now it is.
      throw empty && params.musicOffsetSeconds > 0 ? musicTooShort(music, params.musicOffsetSeconds) : error;
    }
  };
  // Two decoders at a time where it is known how much of the music will be needed.
  if (narration.every(({ trueLength }) => trueLength.samples !== null)) {
    const [voices, bed] = await Promise.allSettled([measureVoices(), measureMusic(estimate)]);
    if (voices.status === "rejected") throw voices.reason;
    if (bed.status === "rejected") throw bed.reason;
    return { narration: voices.value, music: bed.value };
  }
  const voices = await measureVoices();
  const seconds = voices.reduce((sum, { end }) => sum + toNumber(end.duration), 0);
  return { narration: voices, music: await measureMusic(seconds) };
}
