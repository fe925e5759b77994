import { closeSync, openSync } from "node:fs";
import { addHum, createHumSurvey, type HumFindings, type HumSums } from "../denoise/hum-survey.ts";
import { createNotchFilter } from "../denoise/notch-filter.ts";
import { addNoise, createNoiseSurvey, type NoiseSums } from "../denoise/spectral-survey.ts";
import { addOffsets, createDcMeter, type DcSums } from "../meters/dc-meter.ts";
import { createLoudnessPart, type LoudnessSums } from "../meters/loudness-part.ts";
import { addPauses, createPauseMeter, type PauseSums } from "../meters/pause-meter.ts";
import { createSameRoom } from "../pcm/float-room.ts";
import { type PcmFile, readPcm, type Segment } from "../pcm/pcm-file.ts";
import { createPcmGuard } from "../pcm/pcm-guard.ts";

export interface SurveyTask {
  readonly kind: "survey";
  readonly file: PcmFile;
  readonly segment: Segment;
  /** Every so many windows are looked at for the noise. */
  readonly noiseStride: number;
  readonly withHum: boolean;
  /** Only the noise that is left without that hum; null: all, of the recording as it is. */
  readonly without: HumFindings | null;
}

/** What one segment adds to a survey. */
export interface SurveySums {
  readonly loudness: LoudnessSums;
  readonly silencedSamples: number;
  readonly statistics: SurveyStatistics;
}

/** Windows and blocks begin anew in each segment: what lies across a cut is not counted, less than a second in fifty. */
export interface SurveyStatistics {
  readonly noise: NoiseSums;
  readonly hum: HumSums;
  readonly pauses: PauseSums;
  readonly dc: readonly DcSums[];
}

export function surveySegment({ file, segment, noiseStride, withHum, without }: SurveyTask): SurveySums {
  const { from, to, readFrom, readTo } = segment;
  const format = { sampleRateHz: file.sampleRateHz, channels: file.channels, channelLayout: file.channelLayout };
  const guard = createPcmGuard({ name: "a segment", ...format });
  const beside = createPcmGuard({ name: "a segment", ...format });
  const loudness = createLoudnessPart(format, { startFrame: readFrom, from, to });
  const noise = createNoiseSurvey({ ...format, stride: noiseStride });
  const [hum, pauses, dc] = [createHumSurvey(format), createPauseMeter(format), createDcMeter(format)];
  const notches = without === null ? null : createNotchFilter(without, { ...format, room: createSameRoom() });
  const handle = openSync(file.path, "r");
  try {
    const edge = (start: number, end: number): void => {
      for (const samples of readPcm(handle, file.channels, start, end)) {
        beside.check(samples);
        if (notches === null) loudness.push(samples);
        else notches.push(samples);
      }
    };
    edge(readFrom, from);
    for (const samples of readPcm(handle, file.channels, from, to)) {
      guard.check(samples);
      noise.push(notches?.push(samples) ?? samples);
      if (notches !== null) continue;
      loudness.push(samples);
      if (withHum) hum.push(samples);
      pauses.push(samples);
      dc.push(samples);
    }
    if (notches === null) edge(to, readTo);
  } finally {
    closeSync(handle);
  }
  return {
    loudness: loudness.sums(),
    silencedSamples: guard.silenced,
    statistics: { noise: noise.sums(), hum: hum.sums(), pauses: pauses.sums(), dc: dc.sums() },
  };
}

export function addStatistics(into: SurveyStatistics, sums: SurveyStatistics): void {
  addNoise(into.noise, sums.noise);
  addHum(into.hum, sums.hum);
  addPauses(into.pauses, sums.pauses);
  addOffsets(into.dc, sums.dc);
}
