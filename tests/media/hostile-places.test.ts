import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ErrorCode } from "../../core/errors.ts";
import { tonePcm, wav } from "../fixtures/hostile/byte-builders.ts";
import { type Ground, openGround } from "../fixtures/hostile/hostile-ground.ts";
import { expectTidyRun, expectVerdict } from "../fixtures/hostile/hostile-verdict.ts";

let ground: Ground;
let folder: string;
beforeAll(async () => {
  ground = await openGround();
  folder = mkdtempSync(join(ground.dir, "places-"));
});
afterAll(() => ground.close());

/** Makes something at a path that is no ordinary readable file. */
const places: readonly (readonly [what: string, make: (path: string) => unknown, codes: readonly ErrorCode[]])[] = [
  ["nothing", () => {}, ["input_not_found"]],
  ["a folder", (path) => mkdirSync(path), ["input_unreadable"]],
  ["a named pipe without a writer", (path) => execFileSync("mkfifo", [path]), ["input_unreadable"]],
  ["a link to /dev/zero", (path) => symlinkSync("/dev/zero", path), ["input_unreadable"]],
  ["a link to /dev/stdin", (path) => symlinkSync("/dev/stdin", path), ["input_unreadable"]],
  ["a link to a folder", (path) => symlinkSync(folder, path), ["input_unreadable"]],
  ["a link to nothing", (path) => symlinkSync(join(folder, "gone"), path), ["input_not_found"]],
  ["a link to itself", (path) => symlinkSync(path, path), ["input_unreadable"]],
  ["a link to its own process's memory", (path) => symlinkSync("/proc/self/mem", path), ["input_empty"]],
  [
    "a socket",
    (path) =>
      new Promise((done) =>
        createServer()
          .unref()
          .listen(path, () => done(null)),
      ),
    ["input_unreadable"],
  ],
  ["a path through a file", (path) => writeFileSync(path, "x"), ["input_not_found", "input_unreadable"]],
];

test.each(places.map(([what, make, codes], index) => ({ what, make, codes, index })))(
  "fails when $what in the place of a recording hangs or is not told",
  async ({ what, make, codes, index }) => {
    const made = join(folder, `place-${index}.mp3`);
    await make(made);
    const path = what === "a path through a file" ? join(made, "talk.mp3") : made;
    for (const command of ["clean", index % 2 === 0 ? "probe" : "stitch"] as const) {
      const run = await ground.run(command, path.endsWith("talk.mp3") ? made : path, { given: path });
      expectTidyRun(run, ground, `${command} on ${what}`);
      expectVerdict(run, codes, command, `${command} on ${what}`);
    }
  },
);

test("fails when a name forges a line of its own", async () => {
  const run = await ground.run("probe", join(folder, "x"), { given: "gone\nerror: all is well.wav" });
  const told = run.stderr.split("\n").filter((line) => line.startsWith("error: "));
  expect(told).toHaveLength(1);
});

test("fails when a device is read without end", async () => {
  const run = await ground.run("stitch", join(folder, "x"), { given: "/dev/zero" });
  expectTidyRun(run, ground, "/dev/zero");
  expect(run.document?.error?.code).toBe("input_unreadable");
});

/** Words in front of a command line that make it nobody's; empty where we are no superuser anyway. */
const asNobody = process.getuid?.() === 0 ? ["setpriv", "--reuid=65534", "--clear-groups", "--"] : [];
const nobodyRuns =
  asNobody.length === 0 ||
  spawnSync("setpriv", [...asNobody.slice(1), process.execPath, "-v"], { cwd: "/" }).status === 0;

test.skipIf(!nobodyRuns)("fails when a file without read permission is not input_unreadable", async () => {
  const path = join(folder, "secret.mp3");
  writeFileSync(path, ground.genuine("mp3"));
  chmodSync(path, 0);
  // The way to the file must be open, or the way itself would be what is refused.
  chmodSync(folder, 0o755);
  chmodSync(ground.dir, 0o755);
  const run = await ground.run("probe", path, { prefix: asNobody });
  expectTidyRun(run, ground, "a file without read permission");
  expect(run.document?.error?.code).toBe("input_unreadable");
});

const names = [
  ..."-i.wav|--help|-|- .wav|a b.wav|a'b\"c`d.wav|a\nb.wav|a\tb\x1b[31m.wav|$(touch owned).wav|;touch owned;.wav".split(
    "|",
  ),
  ..."a:b.wav|http:x.wav|data:,x.wav|pipe:0|fd:0|%d.wav|%03d|[0-9].wav|*.wav|~|#x?y=z.wav|\\back\\slash.wav".split("|"),
  ...["concat:a.wav|b.wav", "subfile,,start,0,end,9,,:x.wav", "crypto:x.wav", "async:cache:x.wav", "lavfi,sine.wav"],
  ...["…ünïcödé 音.wav", "\u202egpj.wav", "CON.wav", ".hidden.wav", `${"n".repeat(240)}.wav`],
];

test.each(names.filter((name) => name !== "-").map((name, index) => ({ name, index })))(
  "fails when the name $name is taken for an option, a pattern or a protocol",
  async ({ name, index }) => {
    const home = mkdtempSync(join(folder, "name-"));
    const path = join(home, name);
    writeFileSync(path, wav(tonePcm(1)));
    const command = (["stitch", "probe", "clean", "peaks"] as const)[index % 4] ?? "probe";
    const run = await ground.run(command, path, { given: basename(path) });
    expectTidyRun(run, ground, `${command} ${JSON.stringify(name)}`);
    expectVerdict(run, "decodable", command, `${command} ${JSON.stringify(name)}`);
    // What reaches a terminal carries no control characters.
    expect(run.stderr).not.toContain("\x1b");
    expect(dirname(path)).toBe(home);
  },
);

const tone = ["-f", "lavfi", "-i", "sine=d=1:r=48000"];
const picture = (size: string) => ["-f", "lavfi", "-i", `color=gray:s=${size}:r=1:d=1`];
const streams: readonly (readonly [name: string, args: readonly string[], codes: readonly ErrorCode[]])[] = [
  [
    "forty.mkv",
    [...tone, ...Array.from({ length: 40 }, () => ["-map", "0"]).flat(), "-c:a", "pcm_s16le"],
    ["limit_streams"],
  ],
  ["forty.mp4", [...tone, ...Array.from({ length: 40 }, () => ["-map", "0"]).flat(), "-c:a", "aac"], ["limit_streams"]],
  ["mute.mp4", [...picture("64x48"), "-pix_fmt", "yuv420p"], ["input_no_audio"]],
  ["mute.avi", [...picture("64x48"), "-c:v", "mjpeg"], ["input_no_audio"]],
  ["wall.mkv", [...tone, ...picture("8192x4200"), "-c:v", "mjpeg", "-frames:v", "1"], ["limit_pixels"]],
  ["wide.mkv", [...tone, ...picture("65000x600"), "-c:v", "png", "-frames:v", "1"], ["limit_pixels"]],
  [
    "sixteen.flac.mkv",
    ["-f", "lavfi", "-i", "anullsrc=cl=hexadecagonal:d=0.1", "-c:a", "pcm_s16le"],
    ["limit_channels"],
  ],
  ["words.mkv", ["-i", "words.srt", "-c:s", "srt"], ["input_no_audio"]],
];

test.each(streams.map(([name, args, codes], index) => ({ name, args, codes, index })))(
  "fails when $name passes the limits on streams, channels and pixels",
  async ({ name, args, codes, index }) => {
    const home = mkdtempSync(join(folder, "streams-"));
    writeFileSync(join(home, "words.srt"), "1\n00:00:00,000 --> 00:00:01,000\nHello\n");
    execFileSync("ffmpeg", ["-v", "error", "-y", "-nostdin", ...args, name], { cwd: home });
    const command = (["clean", "stitch", "probe", "peaks"] as const)[index % 4] ?? "probe";
    const run = await ground.run(command, join(home, name));
    expectTidyRun(run, ground, `${command} on ${name}`);
    expectVerdict(run, codes, command, `${command} on ${name}`);
  },
);

test("fails when one bad file among good ones is not named, or lets an output appear", async () => {
  const home = mkdtempSync(join(folder, "among-"));
  writeFileSync(join(home, "good.wav"), wav(tonePcm(1)));
  writeFileSync(join(home, "bad.mp3"), ground.genuine("m4a").subarray(0, 500));
  const run = await ground.run("stitch", join(home, "good.wav"), { also: [join(home, "bad.mp3")] });
  expectTidyRun(run, ground, "stitch with a bad file");
  expect(run.document?.error?.detail).toContain("bad.mp3");
});
