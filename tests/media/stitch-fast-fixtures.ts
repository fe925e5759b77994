import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import type { Report } from "../../core/report.ts";
import { decode, ffmpeg, type MediaFixtures } from "./media-fixtures.ts";
import { runStitch } from "./stitch-fixtures.ts";

export interface Flavour {
  readonly name: string;
  readonly extension: "mp3" | "m4a";
  readonly rate: number;
  readonly channels: number;
  readonly samplesPerFrame: number;
  readonly args: readonly string[];
}

export const flavours: readonly Flavour[] = [
  { name: "cbr", extension: "mp3", rate: 44_100, channels: 2, samplesPerFrame: 1_152, args: ["-b:a", "128k"] },
  { name: "high", extension: "mp3", rate: 44_100, channels: 2, samplesPerFrame: 1_152, args: ["-b:a", "320k"] },
  { name: "vbr", extension: "mp3", rate: 48_000, channels: 2, samplesPerFrame: 1_152, args: ["-q:a", "3"] },
  { name: "mono", extension: "mp3", rate: 44_100, channels: 1, samplesPerFrame: 1_152, args: ["-b:a", "64k"] },
  {
    name: "plain-stereo",
    extension: "mp3",
    rate: 32_000,
    channels: 2,
    samplesPerFrame: 1_152,
    args: ["-b:a", "128k", "-joint_stereo", "0"],
  },
  { name: "lsf", extension: "mp3", rate: 22_050, channels: 2, samplesPerFrame: 576, args: ["-b:a", "64k"] },
  { name: "lsf-mono", extension: "mp3", rate: 16_000, channels: 1, samplesPerFrame: 576, args: ["-b:a", "32k"] },
  // Noise that a decoder makes up is another with each history.
  {
    ...{ name: "aac", extension: "m4a", rate: 44_100, channels: 2, samplesPerFrame: 1_024 },
    args: ["-b:a", "128k", "-aac_pns", "0"],
  },
  {
    ...{ name: "aac-mono", extension: "m4a", rate: 48_000, channels: 1, samplesPerFrame: 1_024 },
    args: ["-b:a", "72k", "-aac_pns", "0"],
  },
  {
    name: "untagged",
    extension: "mp3",
    rate: 44_100,
    channels: 2,
    samplesPerFrame: 1_152,
    args: ["-b:a", "128k", "-write_xing", "0"],
  },
];

/** Tones that glide, noise that swells and a beat: enough for every kind of block, and no two places alike. */
const music = (seed: number, channel: number): string =>
  [
    `0.25*sin(2*PI*(200+40*${seed})*t+8*sin(0.7*t+${channel}))+0.12*sin(2*PI*3100*t+5*sin(2*t))`,
    `+0.1*(random(${seed + 10 * channel})-0.5)*(1+sin(3*t))`,
    `+0.3*exp(-60*mod(t+0.1*${seed}+0.002*${channel},0.37))*sin(2*PI*900*t)`,
  ].join("");

/** Writes `samples` of a music that is another with each seed. */
export async function writeMusic(
  fixtures: MediaFixtures,
  flavour: Flavour,
  seed: number,
  samples: number,
): Promise<string> {
  const path = fixtures.file(`${flavour.name}-${seed}-${samples}.${flavour.extension}`);
  const channels = Array.from({ length: flavour.channels }, (_, channel) => music(seed, channel)).join("|");
  const source = `aevalsrc='${channels}':s=${flavour.rate}:d=${samples / flavour.rate + 1}`;
  await ffmpeg("-v", "error", "-f", "lavfi", "-i", source, "-af", `atrim=end_sample=${samples}`, ...flavour.args, path);
  return path;
}

export interface Joined {
  readonly report: Report;
  readonly path: string;
  readonly sources: readonly Float32Array[];
  readonly heard: Float32Array;
  /** The sources at the places that the report names; NaN where more than one, or none, is heard. */
  readonly wanted: Float32Array;
  /** Output frames, counted from the recording's first, of packets that are none of a source's. */
  readonly fresh: readonly { readonly from: number; readonly to: number }[];
}

/** Joins, and looks at the result only through ffmpeg. */
export async function joinAndLook(
  fixtures: MediaFixtures,
  flavour: Flavour,
  paths: readonly string[],
  params = {},
): Promise<Joined> {
  const { rate, channels, samplesPerFrame } = flavour;
  const { report, outputs } = await runStitch(fixtures.toolchain, fixtures.dir, paths, params);
  expect(report.join?.way, report.join?.reason).toBe("fast");
  const path = outputs[0]?.path ?? "";
  const last = report.join?.pieces.at(-1);
  const end = Math.round(((last?.startSeconds ?? 0) + (last?.durationSeconds ?? 0)) * rate);
  const heard = await decodeRecording(path, end, channels);
  const sources = await Promise.all(
    paths.map((each, index) => {
      const seconds = report.before[index]?.durationSeconds ?? Number.NaN;
      return decodeRecording(each, Math.round(seconds * rate), channels);
    }),
  );
  const wanted = new Float32Array(heard.length);
  const claimed = new Uint8Array(heard.length);
  for (const [index, { startSeconds }] of (report.join?.pieces ?? []).entries()) {
    const at = Math.round(startSeconds * rate) * channels;
    const source = sources[index] ?? new Float32Array(0);
    for (let sample = 0; sample < source.length && at + sample < wanted.length; sample++) {
      wanted[at + sample] = claimed[at + sample] === 0 ? (source[sample] ?? 0) : Number.NaN;
      claimed[at + sample] = 1;
    }
  }
  for (let at = 0; at < wanted.length; at++) if (claimed[at] === 0) wanted[at] = Number.NaN;
  // Neighbours that just meet go over into each other within 64 samples.
  for (const [index, { startSeconds }] of (report.join?.pieces ?? []).entries()) {
    const end = Math.round(startSeconds * rate) + (sources[index]?.length ?? 0) / channels;
    const ends = [
      ...(index === 0 ? [] : [Math.round(startSeconds * rate)]),
      ...(index === paths.length - 1 ? [] : [end]),
    ];
    for (const place of ends) wanted.fill(Number.NaN, Math.max(0, place - 32) * channels, (place + 32) * channels);
  }
  const known = new Set<string>();
  for (const each of paths) for (const packet of await listPackets(each, `${path}.md5`)) known.add(packet);
  const packets = await listPackets(path, `${path}.md5`);
  const skipped = packets.length * samplesPerFrame - heard.length / channels;
  expect(skipped).toBeLessThan(4 * samplesPerFrame);
  const fresh: { from: number; to: number }[] = [];
  for (const [index, packet] of packets.entries()) {
    if (known.has(packet)) continue;
    const last = fresh.at(-1);
    if (last?.to === index) last.to++;
    else fresh.push({ from: index, to: index + 1 });
  }
  return { report, path, sources, heard, wanted, fresh };
}

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
