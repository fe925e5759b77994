import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { type CleanParams, parseParams, type StitchParams } from "../../core/kinds/index.ts";
import { buildGlobalArgs } from "../../worker/process/run-ffmpeg.ts";
import { clean } from "../../worker/recipes/clean.ts";
import type { RecipeResult } from "../../worker/recipes/recipe.ts";
import { stitch } from "../../worker/recipes/stitch.ts";
import { buildContext, decode, ffmpeg, speak, useMediaFixtures } from "./media-fixtures.ts";

const fixtures = useMediaFixtures();
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Made extends RecipeResult {
  readonly path: string;
}

async function make(kind: "clean" | "stitch", paths: readonly string[], params: object): Promise<Made> {
  const context = await buildContext(fixtures, paths);
  const result =
    kind === "clean"
      ? await clean(context, parseParams("clean", params) as CleanParams)
      : await stitch(context, parseParams("stitch", params) as StitchParams);
  return { ...result, path: result.outputs[0]?.path ?? "" };
}

interface Probed {
  readonly format: { readonly tags?: Record<string, string>; readonly duration: string };
  readonly streams: readonly {
    readonly codec_type: string;
    readonly codec_name: string;
    readonly sample_rate?: string;
    readonly channels?: number;
    readonly disposition: { readonly attached_pic: number };
    readonly tags?: Record<string, string>;
  }[];
  readonly chapters: readonly { readonly start_time: string; readonly tags?: { readonly title?: string } }[];
}

const probe = (path: string): Probed =>
  JSON.parse(
    execFileSync("ffprobe", ["-v", "error", "-show_format", "-show_streams", "-show_chapters", "-of", "json", path], {
      encoding: "utf8",
    }),
  );

beforeAll(() =>
  speak(
    "Every trap that was measured is laid out here, and the recording has to walk around it.",
    fixtures.file("voice.wav"),
  ),
);

test.each(["mp3", "m4a", "opus"])(
  "fails when 20 joined %s files drift as a copy of their packets does",
  async (format) => {
    const part = fixtures.file(`part.${format}`);
    await ffmpeg("-v", "error", "-i", fixtures.file("voice.wav"), "-t", "1.037", part);
    const list = fixtures.file(`list-${format}.txt`);
    writeFileSync(list, Array.from({ length: 20 }, () => `file '${part}'\n`).join(""));
    const copied = fixtures.file(`copied.${format}`);
    await ffmpeg("-v", "error", "-f", "concat", "-safe", "0", "-i", list, "-c", "copy", copied);
    const exact = 20 * Math.round(1.037 * 48_000);
    const drift = async (path: string) => ((await decode(path, "-ar", "48000")).length - exact) / 48;
    // The trap is there.
    expect(Math.abs(await drift(copied))).toBeGreaterThan(100);
    const joined = await make("stitch", Array(20).fill(part), { format: "wav", join: "exact" });
    expect(Math.abs(await drift(joined.path))).toBeLessThanOrEqual(1);
    expect(Math.abs(joined.report.join?.driftMs ?? 99)).toBeLessThanOrEqual(1);
  },
);

test("fails when a filter of the known traps is used: loudnorm, acrossfade, sidechaincompress, a normalising amix", () => {
  const sources = readdirSync(join(root, "worker"), { recursive: true, encoding: "utf8" }).filter((path) =>
    path.endsWith(".ts"),
  );
  expect(sources.length).toBeGreaterThan(40);
  for (const path of sources) {
    // What a comment says about a filter is not a use of it.
    const code = readFileSync(join(root, "worker", path), "utf8").replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
    expect(
      code.match(/["'`,;\]]\s*(loudnorm|acrossfade|sidechaincompress|dynaudnorm|arnndn)\b/)?.[0],
      path,
    ).toBeUndefined();
    if (/\bamix=/.test(code)) expect(code, path).toMatch(/amix=[^"'`]*normalize=0/);
  }
});

test.each([44_100, 48_000, 22_050])(
  "fails when cleaning changes %i Hz, as single-pass loudnorm does to 192 kHz",
  async (rate) => {
    const source = fixtures.file(`rate-${rate}.wav`);
    await ffmpeg("-v", "error", "-i", fixtures.file("voice.wav"), "-ar", String(rate), source);
    // The trap is there.
    await ffmpeg("-v", "error", "-i", source, "-af", "loudnorm=I=-16:TP=-1", fixtures.file("normed.wav"));
    expect(probe(fixtures.file("normed.wav")).streams[0]?.sample_rate).toBe("192000");
    const made = await make("clean", [source], { format: "wav" });
    expect(probe(made.path).streams[0]).toMatchObject({ sample_rate: String(rate), channels: 1 });
  },
);

test("fails when filters get threads, which burn CPU for nothing", () => {
  expect(buildGlobalArgs(true).join(" ")).toContain("-filter_threads 1");
  expect(buildGlobalArgs(false).join(" ")).toContain("-filter_threads 1");
});

const tags = { title: "A = B; #1", artist: "Ünïcödé", album: "back\\slash" };
const chapters = ["One", "Two = ; # \\ end", "[CHAPTER]"];

/** A recording with a cover, tags and chapters, as a podcast has them. */
async function makeEpisode(path: string): Promise<void> {
  const escapeMeta = (text: string) => text.replace(/[=;#\\\n]/g, "\\$&");
  const meta = fixtures.file(`${basename(path)}.txt`);
  const marks = chapters.map(
    (title, at) =>
      `[CHAPTER]\nTIMEBASE=1/1000\nSTART=${at * 1_000}\nEND=${at * 1_000 + 1_000}\ntitle=${escapeMeta(title)}`,
  );
  const named = Object.entries(tags).map(([key, value]) => `${key}=${escapeMeta(value)}`);
  writeFileSync(meta, [";FFMETADATA1", ...named, ...marks, ""].join("\n"));
  const art = ["-f", "lavfi", "-i", "color=red:s=64x64:d=0.04:r=25"];
  const map = ["-map", "0:a", "-map", "1:v", "-map_metadata", "2", "-map_chapters", "2", "-frames:v", "1"];
  const cover = ["-c:v", "mjpeg", "-disposition:v", "attached_pic"];
  await ffmpeg(
    "-v",
    "error",
    "-i",
    fixtures.file("voice.wav"),
    ...art,
    "-f",
    "ffmetadata",
    "-i",
    meta,
    ...map,
    ...cover,
    path,
  );
}

test.each([
  ["mp3", "m4a"],
  ["m4a", "mp3"],
  ["mp3", "mp3"],
  ["m4a", "m4a"],
] as const)("fails when cover, tags or chapters of an %s are lost on the way to %s", async (from, to) => {
  const source = fixtures.file(`episode-${from}-${to}.${from}`);
  await makeEpisode(source);
  const made = await make("clean", [source], { format: to });
  const { format, streams, chapters: marks } = probe(made.path);
  expect(format.tags).toMatchObject(tags);
  expect(streams.filter((stream) => stream.disposition.attached_pic === 1)).toHaveLength(1);
  expect(streams.filter((stream) => stream.codec_type === "audio")).toHaveLength(1);
  expect(marks.map((mark) => mark.tags?.title)).toEqual(chapters);
  expect(marks.map((mark) => Math.round(Number(mark.start_time)))).toEqual([0, 1, 2]);
  expect(made.warnings.map((warning) => warning.code)).not.toContain("cover_dropped");
});

test.each(["wav", "flac", "opus"] as const)(
  "fails when a cover keeps an mp3 from becoming %s, or its tags are lost",
  async (to) => {
    const source = fixtures.file(`covered-${to}.mp3`);
    await makeEpisode(source);
    const made = await make("clean", [source], { format: to });
    const { format, streams } = probe(made.path);
    const found = { ...format.tags, ...streams[0]?.tags };
    const lower = Object.fromEntries(Object.entries(found).map(([key, value]) => [key.toLowerCase(), value]));
    expect(lower.title).toBe(tags.title);
    const kept = streams.some((stream) => stream.disposition.attached_pic === 1);
    // Kept, or told.
    expect(kept || made.warnings.some((warning) => warning.code === "cover_dropped")).toBe(true);
  },
);

test("fails when a cover keeps files from being joined", async () => {
  const source = fixtures.file("joined-cover.mp3");
  await makeEpisode(source);
  const made = await make("stitch", [source, source], { format: "m4a" });
  expect(probe(made.path).streams.filter((stream) => stream.codec_type === "audio")).toHaveLength(1);
});

test("fails when infinite samples stop LAME, or reach the file", async () => {
  const source = fixtures.file("infinite.wav");
  await ffmpeg("-v", "error", "-i", fixtures.file("voice.wav"), "-c:a", "pcm_f32le", source);
  const bytes = readFileSync(source);
  const data = bytes.indexOf("data") + 8;
  for (let at = 1_000; at < 40_000; at += 1_000) bytes.writeFloatLE(Number.POSITIVE_INFINITY, data + 4 * at);
  writeFileSync(source, bytes);
  // The trap is there.
  await expect(ffmpeg("-v", "error", "-i", source, fixtures.file("aborted.mp3"))).rejects.toThrow();
  for (const kind of ["clean", "stitch"] as const) {
    const made = await make(kind, [source], { format: "mp3" });
    expect((await decode(made.path)).every((sample) => Math.abs(sample) < 4)).toBe(true);
    expect(made.warnings.map((warning) => warning.code)).toContain("samples_silenced");
  }
});
