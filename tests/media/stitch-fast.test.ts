import { appendFile, readFile, truncate, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Report } from "../../core/report.ts";
import { decode, ffmpeg, useMediaFixtures } from "./media-fixtures.ts";
import { errorDb, largestStep, listPackets } from "./stitch-fast-fixtures.ts";
import { runStitch } from "./stitch-fixtures.ts";

const fixtures = useMediaFixtures();
const run = (paths: readonly string[], params: Parameters<typeof runStitch>[3] = {}, context = {}) =>
  runStitch(fixtures.toolchain, fixtures.dir, paths, params, context);

interface Flavour {
  readonly name: string;
  readonly extension: "mp3" | "m4a";
  readonly rate: number;
  readonly channels: number;
  readonly samplesPerFrame: number;
  readonly args: readonly string[];
  /** Of the second generation alone, what it is against its source, at the most: a guard for the measurement. */
  readonly source?: string;
}

const flavours: readonly Flavour[] = [
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

async function writeMusic(flavour: Flavour, seed: number, samples: number): Promise<string> {
  const path = fixtures.file(`${flavour.name}-${seed}-${samples}.${flavour.extension}`);
  const channels = Array.from({ length: flavour.channels }, (_, channel) => music(seed, channel)).join("|");
  const source = `aevalsrc='${channels}':s=${flavour.rate}:d=${samples / flavour.rate + 1}`;
  await ffmpeg("-v", "error", "-f", "lavfi", "-i", source, "-af", `atrim=end_sample=${samples}`, ...flavour.args, path);
  return path;
}

interface Joined {
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
async function joinAndLook(flavour: Flavour, paths: readonly string[], params = {}): Promise<Joined> {
  const { rate, channels, samplesPerFrame } = flavour;
  const { report, outputs } = await run(paths, params);
  expect(report.join?.way, report.join?.reason).toBe("fast");
  const path = outputs[0]?.path ?? "";
  const heard = await decode(path);
  const sources = await Promise.all(paths.map((each) => decode(each)));
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

/** Samples before the recording's first, by the file's own header: libavformat skips them. */
async function countSkipped(path: string, heardFrames: number, channels: number): Promise<number> {
  // With the skips left to us, every sample of every packet comes.
  const log = await ffmpeg("-v", "debug", "-i", path, "-t", "0.01", "-f", "null", "-");
  const delay = /pad (\d+) (\d+)/.exec(log)?.[1];
  if (delay !== undefined) return Number(delay) + 529;
  return (await decode(path, "-flags2", "+skip_manual")).length / channels - heardFrames;
}

test.each(flavours)("fails when a packet or a sample of $name changes outside the seams", async (flavour) => {
  const { rate, channels, samplesPerFrame } = flavour;
  const lengths = [1.31, 0.97, 1.73].map((seconds) => Math.round(seconds * rate) + 17);
  const paths = await Promise.all(lengths.map((samples, seed) => writeMusic(flavour, seed + 1, samples)));
  const { report, path, heard, wanted, fresh, sources } = await joinAndLook(flavour, paths);
  // A seam at each join, of a few frames, and nowhere else.
  const seams = fresh.filter(({ from }) => from > 0);
  expect(seams).toHaveLength(2);
  for (const { from, to } of seams) expect(to - from).toBeLessThanOrEqual(24);
  const skipped = await countSkipped(path, heard.length / channels, channels);
  const place = (frame: number) => frame * samplesPerFrame - skipped;
  let equal = 0;
  for (let at = 0; at < heard.length / channels; at++) {
    // A new frame is heard until the end of the next one, and its filter half a frame longer.
    if (seams.some(({ from, to }) => at >= place(from) && at < place(to + 2))) continue;
    for (let channel = 0; channel < channels; channel++) {
      const sample = at * channels + channel;
      if (heard[sample] !== wanted[sample]) expect.fail(`sample ${at} differs: ${heard[sample]}, ${wanted[sample]}`);
    }
    equal++;
  }
  expect(equal / (heard.length / channels)).toBeGreaterThan(0.8);
  // Where each begins is the exact sum of all before it, to half a frame.
  let exact = 0;
  for (const [index, piece] of (report.join?.pieces ?? []).entries()) {
    expect(Math.abs(piece.startSeconds * rate - exact)).toBeLessThanOrEqual(samplesPerFrame / 2);
    exact += (sources[index]?.length ?? 0) / channels;
  }
  expect(Math.abs(heard.length / channels - exact)).toBeLessThanOrEqual(samplesPerFrame / 2);
  expect(report.join?.driftMs).toBeCloseTo(((heard.length / channels - exact) / rate) * 1000, 6);
});
