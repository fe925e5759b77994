import { join } from "node:path";
import type { CleanParams } from "../../core/kinds/index.ts";
import {
  renderSegments,
  type SurveyedParts,
  surveySegmentNoise,
  surveySegments,
} from "../media/clean/clean-segments.ts";
import { type RenderedClean, renderClean } from "../media/clean/render-clean.ts";
import { type AudioSurvey, surveyAudio, surveyNoise } from "../media/clean/survey-audio.ts";
import { isUntouched, type Treatment } from "../media/clean/treatment.ts";
import type { HumFindings } from "../media/denoise/hum-survey.ts";
import type { NoiseFindings } from "../media/denoise/spectral-pauses.ts";
import type { Hearing } from "../media/encode/hear-segments.ts";
import { limitInSegments } from "../media/master/limit-segments.ts";
import { type LimitedSource, limitInOnePiece, type MasteringSource } from "../media/master/mastering.ts";
import type { LoudnessSums } from "../media/meters/loudness-part.ts";
import { decodeToFile } from "../media/pcm/decode-file.ts";
import { createPcmFeed, type DecodePlan } from "../media/pcm/decode-floats.ts";
import { hasThreads, startThreads } from "../start-threads.ts";
import type { Span } from "./progress-span.ts";
import type { RecipeContext } from "./recipe.ts";
import { samplesPerPixel } from "./write-peaks.ts";

/** What is done to a recording before it is mastered. */
export interface CleanPasses {
  survey(onProgress: Span): Promise<AudioSurvey>;
  /** The noise that is left when hum is taken away. */
  relearn(hum: HumFindings): Promise<NoiseFindings>;
  render(treatment: Treatment, onProgress: Span): Promise<RenderedClean>;
  /** Threads that listen to the result; each part that was heard is handed on, in order. */
  hear(onPart: Hearing["onPart"]): Hearing | undefined;
  /** Gain and limiter for what was rendered. */
  limit(source: MasteringSource): LimitedSource;
  /** Lets go of everything but the result. */
  close(): Promise<void>;
}

/** From here on several threads are worth their start. */
const longSeconds = 120;

/** Long recordings are worked through by all cores, in segments; short ones, and those that are shortened, in one piece. */
export function openPasses(context: RecipeContext, plan: DecodePlan, params: CleanParams): CleanPasses {
  const isLong = (plan.media.durationSeconds ?? 0) >= longSeconds;
  return isLong && !params.trimSilence && hasThreads() ? openSegments(context, plan) : openOnePiece(context, plan);
}

function openOnePiece({ toolchain, signal, scratchDir }: RecipeContext, plan: DecodePlan): CleanPasses {
  const feed = createPcmFeed(toolchain, plan);
  return {
    survey: (onProgress) => surveyAudio(feed, { signal, onProgress }),
    relearn: (hum) => surveyNoise(feed, hum, signal),
    render: (treatment, onProgress) =>
      renderClean(feed, treatment, join(scratchDir, "treated.f32"), { signal, onProgress }),
    hear: () => undefined,
    limit: (source) => limitInOnePiece(source, signal),
    close: async () => {},
  };
}

function openSegments({ toolchain, signal, scratchDir, peaks }: RecipeContext, plan: DecodePlan): CleanPasses {
  const decodedPath = join(scratchDir, "decoded.f32");
  const otherPath = join(scratchDir, "treated.f32");
  const pool = startThreads(signal);
  const source = decodeToFile(toolchain, plan, decodedPath, signal);
  let surveyed: SurveyedParts | null = null;
  let parts: readonly LoudnessSums[] = [];
  return {
    async survey(onProgress) {
      surveyed = await surveySegments({ pool, onProgress }, source);
      return surveyed;
    },
    relearn: (hum) => surveySegmentNoise({ pool }, source, hum),
    async render(treatment, onProgress) {
      if (surveyed === null) throw new RangeError("a recording is surveyed before it is treated");
      const { reading, silencedSamples } = surveyed;
      if (isUntouched(treatment) && silencedSamples === 0) {
        parts = surveyed.parts;
        const stretches = [{ inputStart: 0, inputEnd: reading.frames, outputStart: 0 }];
        return { path: decodedPath, reading, stretches, keptSpeechDb: 0, argv: surveyed.argv };
      }
      const job = { source, frames: reading.frames, treatment, guarded: silencedSamples > 0 };
      const rendered = await renderSegments({ pool, onProgress }, { ...job, outPath: otherPath });
      parts = rendered.parts;
      return rendered;
    },
    hear(onPart) {
      const wanted = { samplesPerPixel: peaks ? samplesPerPixel : null, withPauses: true };
      return { pool, scratchDir, ...wanted, onPart };
    },
    limit: (rendered) =>
      limitInSegments({
        ...{ source: rendered, pool, parts },
        // The place of what is not needed any more.
        outPath: rendered.path === decodedPath ? otherPath : decodedPath,
      }),
    async close() {
      await Promise.all([pool.close(), source.close()]);
    },
  };
}
