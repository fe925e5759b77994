import { createHumSurvey, type HumFindings } from "../denoise/hum-survey.ts";
import { createNotchFilter } from "../denoise/notch-filter.ts";
import type { NoiseFindings } from "../denoise/spectral-pauses.ts";
import { createNoiseSurvey } from "../denoise/spectral-survey.ts";
import { createDcMeter } from "../meters/dc-meter.ts";
import { createLoudnessMeter, type LoudnessReading } from "../meters/loudness-meter.ts";
import { createPauseMeter } from "../meters/pause-meter.ts";
import type { PcmFeed } from "../pcm/decode-floats.ts";

/** What a recording is like before anything is done to it. */
export interface AudioSurvey {
  readonly reading: LoudnessReading;
  readonly pauseLevelDbfs: number | null;
  readonly noise: NoiseFindings;
  readonly hum: HumFindings | null;
  /** Of each channel. */
  readonly dcOffsets: readonly number[];
  /** Samples that were no numbers, or far beyond any level, and were taken for silence. */
  readonly silencedSamples: number;
  readonly argv: readonly string[];
}

/** Decodes once and looks: loudness, peak, pauses, noise and hum. `onProgress` gets the seconds that were read. */
export async function surveyAudio(
  feed: PcmFeed,
  options: { readonly signal: AbortSignal; readonly onProgress?: (seconds: number) => void },
): Promise<AudioSurvey> {
  const { sampleRateHz = 48_000, channels = 1, channelLayout = null } = feed.plan.media.audio[0] ?? {};
  const format = { sampleRateHz, channels, channelLayout };
  const meter = createLoudnessMeter(format);
  const pauses = createPauseMeter(format);
  const noise = createNoiseSurvey(format);
  const hum = createHumSurvey(format);
  const dc = createDcMeter(format);
  let frames = 0;
  const { argv, silencedSamples } = await feed.run(options.signal, (samples) => {
    meter.push(samples);
    pauses.push(samples);
    noise.push(samples);
    hum.push(samples);
    dc.push(samples);
    frames += samples.length / channels;
    options.onProgress?.(frames / sampleRateHz);
  });
  return {
    reading: meter.finish(),
    pauseLevelDbfs: pauses.finish(),
    noise: noise.finish(),
    hum: hum.finish(),
    dcOffsets: dc.finish(),
    silencedSamples,
    argv,
  };
}

/** The noise alone, without the hum: the rest is known from the recording itself. */
export async function surveyNoise(feed: PcmFeed, hum: HumFindings, signal: AbortSignal): Promise<NoiseFindings> {
  const { sampleRateHz = 48_000, channels = 1 } = feed.plan.media.audio[0] ?? {};
  const noise = createNoiseSurvey({ sampleRateHz, channels });
  const notches = createNotchFilter(hum, { sampleRateHz, channels });
  await feed.run(signal, (samples) => noise.push(notches.push(samples)));
  return noise.finish();
}
