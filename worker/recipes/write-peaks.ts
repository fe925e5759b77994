import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildPeaksDat, buildPeaksJson, type PeaksAccumulator } from "../media/waveform/peaks.ts";
import type { RecipeOutput } from "./recipe.ts";

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
