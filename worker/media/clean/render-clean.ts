import { open } from "node:fs/promises";
import { createNotchFilter } from "../denoise/notch-filter.ts";
import { createSpectralDenoiser, toKeptDb } from "../denoise/spectral-denoiser.ts";
import { createDcRemover } from "../meters/dc-meter.ts";
import { createLoudnessMeter, type LoudnessReading } from "../meters/loudness-meter.ts";
import type { PcmFeed } from "../pcm/decode-floats.ts";
import { chainFilters, type FrameFilter } from "../pcm/frame-filter.ts";
import { createSilenceShortener, type KeptStretch } from "./silence-shortener.ts";
import type { Treatment } from "./treatment.ts";

export interface RenderedClean {
  /** Interleaved f32le without a header, at the input's rate and channels: no length limit, nothing to parse. */
  readonly path: string;
  readonly reading: LoudnessReading;
  /** What was kept of the input; one stretch when nothing was cut. */
  readonly stretches: readonly KeptStretch[];
  /** Speech power that the denoiser kept, dB. */
  readonly keptSpeechDb: number;
  readonly argv: readonly string[];
}

/** First pass: decodes, treats, and writes the result to `path` while measuring it: loudness before treatment misleads. */
export async function renderClean(
  feed: PcmFeed,
  treatment: Treatment,
  path: string,
  options: { readonly signal: AbortSignal; readonly onProgress?: (seconds: number) => void },
): Promise<RenderedClean> {
  const { sampleRateHz = 48_000, channels = 1, channelLayout = null } = feed.plan.media.audio[0] ?? {};
  const { hum, denoise, dcOffsets, silenceDbfs } = treatment;
  const denoiser = denoise === null ? null : createSpectralDenoiser(denoise);
  const shortener =
    silenceDbfs === null ? null : createSilenceShortener({ sampleRateHz, channels, thresholdDbfs: silenceDbfs });
  const filters: FrameFilter[] = [];
  if (hum !== null) filters.push(createNotchFilter(hum, { sampleRateHz, channels }));
  if (dcOffsets.some((offset) => offset !== 0)) filters.push(createDcRemover(dcOffsets));
  if (denoiser !== null) filters.push(denoiser);
  if (shortener !== null) filters.push(shortener);
  const chain = chainFilters(filters);
  const meter = createLoudnessMeter({ sampleRateHz, channels, channelLayout });
  const file = await open(path, "w");
  let frames = 0;
  let writing: Promise<unknown> = Promise.resolve();
  const take = async (samples: Float32Array): Promise<void> => {
    if (samples.length === 0) return;
    meter.push(samples);
    // One write is under way while the next samples are treated.
    await writing;
    // writeFile, unlike write, goes on where the disk took only a part.
    writing = file.writeFile(new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength));
    // It is awaited with the next samples; until then its failure is not an unhandled one.
    writing.catch(() => {});
  };
  try {
    const { argv } = await feed.run(options.signal, (samples) => {
      frames += samples.length / channels;
      options.onProgress?.(frames / sampleRateHz);
      return take(chain.push(samples));
    });
    await take(chain.finish());
    await writing;
    const stretches = shortener?.stretches() ?? [{ inputStart: 0, inputEnd: frames, outputStart: 0 }];
    return {
      path,
      reading: meter.finish(),
      stretches,
      keptSpeechDb: denoiser === null ? 0 : toKeptDb(denoiser.keptSpeech()),
      argv,
    };
  } finally {
    await writing.catch(() => {});
    await file.close();
  }
}
