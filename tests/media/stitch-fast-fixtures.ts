import { readFile } from "node:fs/promises";
import { decode, ffmpeg } from "./media-fixtures.ts";

/** Checksums of a file's packets, in order, as libavformat finds them. */
export async function listPackets(path: string, listing: string): Promise<readonly string[]> {
  const edits = path.endsWith(".m4a") ? ["-ignore_editlist", "1"] : [];
  await ffmpeg("-v", "error", ...edits, "-i", path, "-map", "0:a:0", "-c", "copy", "-f", "framemd5", listing);
  const lines = (await readFile(listing, "utf8")).split("\n").filter((line) => /^\d/.test(line));
  return lines.map((line) => line.split(",").at(-1)?.trim() ?? "");
}

/**
 * Power of the difference against that of `wanted` where that is known, dB, over frames `from` to before `to`. A gain
 * that all samples share is taken out where `fitGain` is set: LAME changes the level of everything by one.
 */
export function errorDb(
  heard: Float32Array,
  wanted: Float32Array,
  range: { readonly from: number; readonly to: number; readonly channels: number; readonly fitGain?: boolean },
): number {
  let [cross, own, power] = [0, 0, 0];
  for (let at = range.from * range.channels; at < range.to * range.channels; at++) {
    const [value, other] = [wanted[at] ?? Number.NaN, heard[at] ?? 0];
    if (Number.isNaN(value)) continue;
    cross += value * other;
    own += other ** 2;
    power += value ** 2;
  }
  const gain = range.fitGain === true ? cross / own : 1;
  return 10 * Math.log10((power - 2 * gain * cross + gain ** 2 * own) / power);
}

/** Largest difference between neighbouring samples of a channel. */
export function largestStep(samples: Float32Array, channels: number, from = 0, to = samples.length / channels): number {
  let largest = 0;
  for (let at = (from + 1) * channels; at < to * channels; at++) {
    largest = Math.max(largest, Math.abs((samples[at] ?? 0) - (samples[at - channels] ?? 0)));
  }
  return largest;
}

/** ffmpeg's AAC encoder begins a frame early. */
export const aacDelay = 1_024;

/**
 * Decodes to the samples of the recording. ffmpeg cuts the end of an m4a on its packets only, so there all that its
 * packets hold is decoded and `frames` are taken, behind the encoder's delay.
 */
export async function decodeRecording(path: string, frames: number, channels: number): Promise<Float32Array> {
  if (!path.endsWith(".m4a")) return decode(path);
  const raw = `${path}.f32`;
  await ffmpeg("-v", "error", "-ignore_editlist", "1", "-flags2", "+skip_manual", "-i", path, "-f", "f32le", raw);
  const bytes = await readFile(raw);
  const all = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  return all.slice(aacDelay * channels, (aacDelay + frames) * channels);
}
