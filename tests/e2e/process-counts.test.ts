import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { ffmpeg, run, useFolder } from "./cli-fixtures.ts";

// A guard against slowness that no machine's mood can trip: how many processes a command starts, and how much they read.

/** Ten seconds of interrupted tone over noise, and two minutes of it. */
const folder = useFolder((dir) => {
  const tone = "sine=frequency=220:duration=10:sample_rate=44100,volume='0.5*lt(mod(t,1),0.7)':eval=frame";
  const noise = "anoisesrc=d=10:a=0.01:seed=1:sample_rate=44100";
  const graph = ["-filter_complex", "amix=normalize=0", "-ac", "2", "-c:a", "pcm_f32le"];
  ffmpeg("-f", "lavfi", "-i", tone, "-f", "lavfi", "-i", noise, ...graph, `${dir}/talk.wav`);
  ffmpeg("-i", `${dir}/talk.wav`, "-b:a", "128k", `${dir}/talk.mp3`);
  ffmpeg("-stream_loop", "11", "-i", `${dir}/talk.wav`, "-b:a", "128k", `${dir}/long.mp3`);
});

interface Count {
  readonly ffmpeg: number;
  readonly ffprobe: number;
}

/** Runs a command with tools that note each start, and then are the real ones. */
async function count(args: readonly string[]): Promise<Count> {
  const notes = folder.at("notes");
  mkdirSync(folder.at("bin"), { recursive: true });
  for (const tool of ["ffmpeg", "ffprobe"]) {
    const real = execFileSync("sh", ["-c", `command -v ${tool}`])
      .toString()
      .trim();
    const path = folder.at(`bin/${tool}`);
    writeFileSync(path, `#!/bin/sh\necho ${tool} >> '${notes}'\nexec '${real}' "$@"\n`);
    chmodSync(path, 0o755);
  }
  const env = {
    FFMPEG_PATH: folder.at("bin/ffmpeg"),
    FFPROBE_PATH: folder.at("bin/ffprobe"),
    MIXDOWN_CACHE_DIR: folder.at("cache"),
  };
  // What a build can do is asked once and kept.
  expect(await run(["doctor"], { cwd: folder.dir, env })).toMatchObject({ code: 0 });
  rmSync(notes, { force: true });
  expect(await run(args, { cwd: folder.dir, env }), args.join(" ")).toMatchObject({ code: 0 });
  const lines = existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : [];
  const of = (tool: string): number => lines.filter((line) => line === tool).length;
  return { ffmpeg: of("ffmpeg"), ffprobe: of("ffprobe") };
}

test("fails when cleaning decodes, encodes or looks once more than it has to", async () => {
  folder.put("talk.wav");
  // Decode, encode, and the decoder that verifies while it is encoded.
  expect(await count(["clean", "talk.wav", "-o", "out.mp3"])).toEqual({ ffmpeg: 3, ffprobe: 1 });
});

test("fails when peaks takes more than one decoder", async () => {
  folder.put("talk.mp3");
  expect(await count(["peaks", "talk.mp3", "-o", "out.json"])).toEqual({ ffmpeg: 1, ffprobe: 1 });
});

test("fails when a fast stitch starts a process for each file", async () => {
  const names = Array.from({ length: 20 }, (_, index) => folder.put("talk.mp3", `part-${index}.mp3`));
  const { ffmpeg: started, ffprobe } = await count(["stitch", ...names, "-o", "out.mp3"]);
  expect(started).toBeLessThanOrEqual(3);
  expect(ffprobe).toBe(0);
});

test("fails when an exact stitch takes more than a probe and a decoder for each file", async () => {
  const names = Array.from({ length: 6 }, (_, index) => folder.put("talk.wav", `part-${index}.wav`));
  const started = await count(["stitch", ...names, "--join", "exact", "-o", "out.wav"]);
  expect(started.ffprobe).toBeLessThanOrEqual(names.length + 1);
  expect(started.ffmpeg).toBeLessThanOrEqual(names.length + 3);
});

test("fails when a mix starts more than it has sounds to open, twice over", async () => {
  const demo = (name: string): string => fileURLToPath(new URL(`../../assets/demo/${name}`, import.meta.url));
  // Both are measured, then opened again beside the encoder and the decoder that verifies; nothing needs a second try.
  const started = await count(["mix", demo("narration-1.flac"), "--music", demo("music-bed.opus"), "-o", "out.mp3"]);
  expect(started).toEqual({ ffmpeg: 6, ffprobe: 2 });
});

const strace = existsSync("/usr/bin/strace");

test.skipIf(!strace)(
  "fails when a fast stitch reads its files more often than twice and around the joins (needs strace)",
  async () => {
    const names = Array.from({ length: 20 }, (_, index) => folder.put("long.mp3", `part-${index}.mp3`));
    const trace = folder.at("trace");
    const command = ["strace", "-f", "-qq", "-y", "-e", "trace=read,pread64,readv,preadv", "-o", trace];
    const entry = new URL("../../cli/main.ts", import.meta.url).pathname;
    const args = [process.execPath, entry, "stitch", ...names, "-o", "out.mp3"];
    const ended = await run([], { cwd: folder.dir, command: [...command, ...args] });
    expect(ended.code, ended.stderr).toBe(0);
    const read = readFileSync(trace, "utf8")
      .split("\n")
      .filter((line) => /part-\d+\.mp3>/.test(line))
      .reduce((sum, line) => sum + Math.max(0, Number(/= (\d+)$/.exec(line)?.[1] ?? 0)), 0);
    const all = names.length * statSync(folder.at("part-0.mp3")).size;
    expect(read).toBeGreaterThan(0.9 * all);
    expect(read).toBeLessThan(2.5 * all);
  },
);
