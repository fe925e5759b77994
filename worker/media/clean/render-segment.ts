import { closeSync, openSync } from "node:fs";
import { createNotchFilter } from "../denoise/notch-filter.ts";
import { createSpectralDenoiser } from "../denoise/spectral-denoiser.ts";
import type { KeptSpeech } from "../denoise/spectral-lanes.ts";
import { createDcRemover } from "../meters/dc-meter.ts";
import { createLoudnessPart, type LoudnessSums } from "../meters/loudness-part.ts";
import { createSameRoom } from "../pcm/float-room.ts";
import { chainFilters, type FrameFilter } from "../pcm/frame-filter.ts";
import { type PcmFile, readPcm, type Segment, writePcm } from "../pcm/pcm-file.ts";
import { createPcmGuard } from "../pcm/pcm-guard.ts";
import type { Treatment } from "./treatment.ts";

export interface RenderTask {
  readonly kind: "render";
  readonly file: PcmFile;
  readonly segment: Segment;
  readonly treatment: Pick<Treatment, "hum" | "denoise" | "dcOffsets">;
  /** Whether samples were found that are no numbers. */
  readonly guarded: boolean;
  /** Written there at the segment's own place; it exists. */
  readonly outPath: string;
}

export interface RenderSums {
  readonly loudness: LoudnessSums;
  readonly kept: KeptSpeech;
}

/** Treats one segment and what lies beside it, writes the segment, and measures it. */
export function renderSegment({ file, segment, treatment, guarded, outPath }: RenderTask): RenderSums {
  const { channels } = file;
  const { from, to, readFrom, readTo } = segment;
  const denoiser =
    treatment.denoise === null ? null : createSpectralDenoiser({ ...treatment.denoise, room: createSameRoom() });
  const filters: FrameFilter[] = [];
  if (treatment.hum !== null) filters.push(createNotchFilter(treatment.hum, { ...file, room: createSameRoom() }));
  if (treatment.dcOffsets.some((offset) => offset !== 0))
    filters.push(createDcRemover(treatment.dcOffsets, createSameRoom()));
  if (denoiser !== null) filters.push(denoiser);
  const chain = chainFilters(filters);
  const guard = createPcmGuard({ name: "a segment", ...file });
  const loudness = createLoudnessPart(file, { startFrame: readFrom, from, to });
  const [input, output] = [openSync(file.path, "r"), openSync(outPath, "r+")];
  let at = readFrom;
  const take = (samples: Float32Array): void => {
    loudness.push(samples);
    writePcm(output, channels, { samples, at, from, to });
    at += samples.length / channels;
  };
  try {
    for (const samples of readPcm(input, channels, readFrom, from)) {
      if (guarded) guard.check(samples);
      take(chain.push(samples));
    }
    denoiser?.startCounting();
    for (const samples of readPcm(input, channels, from, readTo)) {
      if (guarded) guard.check(samples);
      take(chain.push(samples));
    }
    take(chain.finish());
  } finally {
    closeSync(input);
    closeSync(output);
  }
  return { loudness: loudness.sums(), kept: denoiser?.keptSpeech() ?? { powerIn: 0, powerOut: 0 } };
}
