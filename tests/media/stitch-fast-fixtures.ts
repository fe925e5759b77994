import { ffmpeg } from "./media-fixtures.ts";

/** Checksums of a file's packets, in order, as libavformat finds them. */
export async function listPackets(path: string, listing: string): Promise<readonly string[]> {
  await ffmpeg("-v", "error", "-i", path, "-map", "0:a:0", "-c", "copy", "-f", "framemd5", listing);
  const { readFile } = await import("node:fs/promises");
  const lines = (await readFile(listing, "utf8")).split("\n").filter((line) => /^\d/.test(line));
  return lines.map((line) => line.split(",").at(-1)?.trim() ?? "");
}

/** Power of the difference against that of `wanted` over frames `from` to before `to`, dB. */
export function errorDb(
  heard: Float32Array,
  wanted: Float32Array,
  range: { readonly from: number; readonly to: number; readonly channels: number },
): number {
  let [error, power] = [0, 0];
  for (let at = range.from * range.channels; at < range.to * range.channels; at++) {
    const value = wanted[at] ?? 0;
    error += ((heard[at] ?? 0) - value) ** 2;
    power += value ** 2;
  }
  return 10 * Math.log10(error / power);
}

/** Largest difference between neighbouring samples of a channel. */
export function largestStep(samples: Float32Array, channels: number, from = 0, to = samples.length / channels): number {
  let largest = 0;
  for (let at = (from + 1) * channels; at < to * channels; at++) {
    largest = Math.max(largest, Math.abs((samples[at] ?? 0) - (samples[at - channels] ?? 0)));
  }
  return largest;
}
