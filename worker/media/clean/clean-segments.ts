import { open } from "node:fs/promises";
import { runInOrder, type ThreadPool } from "../../process/thread-pool.ts";
import { describeHum, type HumFindings } from "../denoise/hum-survey.ts";
import { notchMemorySeconds } from "../denoise/notch-filter.ts";
import { addKept, denoiserReach, toKeptDb } from "../denoise/spectral-denoiser.ts";
import type { NoiseFindings } from "../denoise/spectral-pauses.ts";
import { describeNoise } from "../denoise/spectral-survey.ts";
import { chooseWindow } from "../denoise/stft-window.ts";
import { describeOffsets } from "../meters/dc-meter.ts";
import { createLoudnessFold, type LoudnessSums } from "../meters/loudness-part.ts";
import { describePauseLevel } from "../meters/pause-meter.ts";
import type { DecodingFile } from "../pcm/decode-file.ts";
import { clipSegment, type Segment } from "../pcm/pcm-file.ts";
import type { RenderedClean } from "./render-clean.ts";
import type { RenderSums, RenderTask } from "./render-segment.ts";
import type { AudioSurvey } from "./survey-audio.ts";
import { addStatistics, type SurveyStatistics, type SurveySums, type SurveyTask } from "./survey-segment.ts";
import type { Treatment } from "./treatment.ts";

/**
 * Survey and treatment of a long recording by several threads. The places of the cuts are the same however many threads
 * there are, and each segment is begun early enough that it comes out as it would in one piece: so is the whole.
 */
export interface SegmentWork {
  readonly pool: ThreadPool;
  readonly onProgress?: ((seconds: number) => void) | undefined;
  /** @default 30 */
  readonly segmentSeconds?: number;
}

/** So long that what is read beside a segment hardly counts, so short that no thread waits long for the last. */
const usualSeconds = 30;
/** Before a segment, until the denoiser's memory of what came before is gone, and before that the notches'. */
const warmUpSeconds = 2 + notchMemorySeconds;
/** The first minutes are looked at closely for noise and hum; then so manieth window or segment tells the same. */
const closeLookSeconds = 120;
const laterNoiseStride = 8;
const laterHumStride = 4;
/** So much is listened to once more for its noise: the rest tells the same. */
const relearnSeconds = 600;

/** Segments begin where the denoiser's blocks do, counted from the recording's beginning. */
export function placeSegment(index: number, sampleRateHz: number, seconds = usualSeconds): Segment {
  const { blockFrames, behindFrames } = denoiserReach(chooseWindow(sampleRateHz));
  const toBlocks = (length: number) => blockFrames * Math.ceil((length * sampleRateHz) / blockFrames);
  const length = toBlocks(seconds);
  const from = index * length;
  const to = from + length;
  return { from, to, readFrom: Math.max(0, from - toBlocks(warmUpSeconds)), readTo: to + behindFrames };
}

export interface SurveyedParts extends AudioSurvey {
  readonly parts: readonly LoudnessSums[];
}

/** Looks at a recording while it is still being decoded. */
export async function surveySegments(work: SegmentWork, source: DecodingFile): Promise<SurveyedParts> {
  const { file } = source;
  const fold = createLoudnessFold(file.sampleRateHz);
  const parts: LoudnessSums[] = [];
  let silencedSamples = 0;
  const { frames, statistics } = await surveyEach(work, source, null, ({ loudness, silencedSamples: silenced }) => {
    fold.add(loudness);
    parts.push(loudness);
    silencedSamples += silenced;
  });
  const { noise, hum, pauses, dc } = statistics;
  return {
    reading: fold.finish(frames),
    pauseLevelDbfs: describePauseLevel(pauses),
    noise: describeNoise(noise, file),
    hum: describeHum(hum, file),
    dcOffsets: describeOffsets(dc),
    silencedSamples,
    argv: (await source.done).argv,
    parts,
  };
}

/** The noise alone, without the hum. */
export async function surveySegmentNoise(
  work: SegmentWork,
  source: DecodingFile,
  without: HumFindings,
): Promise<NoiseFindings> {
  const { statistics } = await surveyEach(work, source, without, () => {});
  return describeNoise(statistics.noise, source.file);
}

async function surveyEach(
  { pool, onProgress, segmentSeconds }: SegmentWork,
  source: DecodingFile,
  without: HumFindings | null,
  take: (sums: SurveySums) => void,
): Promise<{ readonly frames: number; readonly statistics: SurveyStatistics }> {
  const { file } = source;
  let frames = 0;
  let statistics: SurveyStatistics = {
    noise: [],
    hum: { windows: 0, histogram: new Uint32Array(0), shape: new Float64Array(0) },
    pauses: { counts: new Uint32Array(0), energies: new Float64Array(0) },
    dc: [],
  };
  async function* cut(): AsyncGenerator<SurveyTask> {
    for (let index = 0; ; index++) {
      const place = placeSegment(index, file.sampleRateHz, segmentSeconds);
      frames = await source.waitFor(place.readTo);
      if (frames <= place.from || (without !== null && place.from >= relearnSeconds * file.sampleRateHz)) return;
      const isClose = place.from < closeLookSeconds * file.sampleRateHz;
      const look = { noiseStride: isClose ? 1 : laterNoiseStride, withHum: isClose || index % laterHumStride === 0 };
      yield { kind: "survey", file, segment: clipSegment(place, frames), ...look, without };
    }
  }
  let taken = 0;
  await runInOrder<SurveySums>(pool, cut(), (sums) => {
    take(sums);
    if (taken === 0) statistics = sums.statistics;
    else addStatistics(statistics, sums.statistics);
    taken++;
    onProgress?.(Math.min(frames, placeSegment(taken, file.sampleRateHz, segmentSeconds).from) / file.sampleRateHz);
  });
  return { frames, statistics };
}

interface RenderPlan {
  /** It may still be decoding. */
  readonly source: DecodingFile;
  readonly frames: number;
  readonly treatment: Treatment;
  /** Whether samples were found that are no numbers. */
  readonly guarded: boolean;
  readonly outPath: string;
}

/** With what each segment adds to the reading. */
export interface RenderedParts extends RenderedClean {
  readonly parts: readonly LoudnessSums[];
}

/** Treats a decoded recording into `outPath` while measuring the result; nothing is shortened. */
export async function renderSegments(
  { pool, onProgress, segmentSeconds }: SegmentWork,
  plan: RenderPlan,
): Promise<RenderedParts> {
  const { source, frames, treatment, guarded, outPath } = plan;
  const { file } = source;
  const { hum, denoise, dcOffsets } = treatment;
  await (await open(outPath, "w")).close();
  const fold = createLoudnessFold(file.sampleRateHz);
  const parts: LoudnessSums[] = [];
  let kept = { powerIn: 0, powerOut: 0 };
  async function* cut(): AsyncGenerator<RenderTask> {
    for (let index = 0; ; index++) {
      const place = placeSegment(index, file.sampleRateHz, segmentSeconds);
      if (place.from >= frames) return;
      yield {
        kind: "render",
        file,
        segment: clipSegment(place, frames),
        treatment: { hum, denoise, dcOffsets },
        guarded,
        outPath,
      };
    }
  }
  let taken = 0;
  await runInOrder<RenderSums>(pool, cut(), (sums) => {
    fold.add(sums.loudness);
    parts.push(sums.loudness);
    kept = addKept(kept, sums.kept);
    taken++;
    onProgress?.(Math.min(frames, placeSegment(taken, file.sampleRateHz, segmentSeconds).from) / file.sampleRateHz);
  });
  const { argv } = await source.done;
  const stretches = [{ inputStart: 0, inputEnd: frames, outputStart: 0 }];
  return { path: outPath, reading: fold.finish(frames), stretches, keptSpeechDb: toKeptDb(kept), argv, parts };
}
