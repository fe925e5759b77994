import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createPeaksAccumulator, type PeaksAccumulator } from "../media/waveform/peaks.ts";
import { buildPeaksDat, buildPeaksJson } from "../media/waveform/peaks-file.ts";
import type { RecipeOutput } from "./recipe.ts";

/** Frames that one pair of a job's peaks stands for. */
export const samplesPerPixel = 256;

/** Of a job's output, in that format. */
export const createOutputPeaks = (format: { readonly sampleRateHz: number; readonly channels: number }) =>
  createPeaksAccumulator({ sampleRateHz: format.sampleRateHz, channels: format.channels, samplesPerPixel, bits: 8 });

/** Writes `peaks.json` and `peaks.dat` (audiowaveform v2) into `dir`. */
export async function writePeaks(dir: string, accumulator: PeaksAccumulator): Promise<RecipeOutput[]> {
  const peaks = accumulator.finish();
  const [json, dat] = [join(dir, "peaks.json"), join(dir, "peaks.dat")];
  await Promise.all([writeFile(json, buildPeaksJson(peaks)), writeFile(dat, buildPeaksDat(peaks))]);
  return [
    { name: "peaks.json", path: json, contentType: "application/json", durationSeconds: null },
    { name: "peaks.dat", path: dat, contentType: "application/octet-stream", durationSeconds: null },
  ];
}
