import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commandLoaders } from "../../cli/command-table.ts";
import { throughput } from "../../core/lane.ts";
import { run, useFolder } from "./cli-fixtures.ts";

const folder = useFolder();
const cli = (args: readonly string[], env: Record<string, string> = {}) => run(args, { cwd: folder.dir, env });

test("fails when --help is refused anywhere, or shows no example", async () => {
  const names = Object.keys(commandLoaders);
  const lines = [
    ["--help"],
    ["-h"],
    ["help"],
    ["help", "clean"],
    ["clean", "a.wav", "--loudness", "99", "--help"],
    ["submit", "clean", "-h"],
  ];
  const all = [...lines, ...names.map((name) => [name, "--help"])];
  const ended = await Promise.all(all.map((args) => cli(args)));
  for (const [index, { code, stdout, stderr }] of ended.entries()) {
    const line = all[index]?.join(" ");
    expect([code, stderr], line).toEqual([0, ""]);
    expect(stdout, line).toMatch(/^Usage: mixdown/);
    expect(stdout, line).toMatch(/Examples:\n {2}mixdown /);
  }
});

test("fails when a command is missing from the help", async () => {
  const { stdout } = await cli(["--help"]);
  for (const name of Object.keys(commandLoaders)) expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
});

test("fails when --version is not the package's", async () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  expect(await cli(["--version"])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: "" });
});

test("fails when no command at all is not usage", async () => {
  const { code, stdout, stderr } = await cli([]);
  expect([code, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^Usage: mixdown/);
  expect(await cli(["submit"])).toMatchObject({ code: 2, stderr: expect.stringMatching(/^Usage: mixdown submit/) });
});

test("fails when a mistyped command or flag is not usage with what was meant", async () => {
  expect(await cli(["clena"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("did you mean clean?"),
  });
  expect(await cli(["clean", "a.wav", "--loudnes", "-16"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("did you mean --loudness?"),
  });
  expect(await cli(["submit", "claen", "a.wav"])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean clean?"),
  });
});

test("fails when a missing argument, or one too many, is not usage", async () => {
  for (const args of [["clean"], ["stitch"], ["probe"], ["probe", "a", "b"], ["watch"], ["clean", "a.wav", "-o"]]) {
    const { code, stderr } = await cli(args);
    expect(code, args.join(" ")).toBe(2);
    expect(stderr.trim().split("\n"), args.join(" ")).toHaveLength(1);
  }
});

test("fails when a value outside its range is not usage, naming flag, value and range", async () => {
  folder.put("talk.wav");
  const lines: [string[], string][] = [
    [["clean", "talk.wav", "--loudness", "-41"], '--loudness is "-41"; allowed is a number from -40 to -8 LUFS.'],
    [["clean", "talk.wav", "--ceiling", "1"], '--ceiling is "1"; allowed is a number from -9 to 0 dBTP.'],
    [["stitch", "talk.wav", "--gap-ms", "60001"], '--gap-ms is "60001"; allowed is a number from 0 to 60000 ms.'],
    [["stitch", "talk.wav", "--join", "slow"], '--join is "slow"; allowed is one of auto, exact, fast.'],
    [["peaks", "talk.wav", "--bits", "12"], '--bits is "12"; allowed is one of 8, 16.'],
    [
      ["peaks", "talk.wav", "--samples-per-pixel", "1"],
      '--samples-per-pixel is "1"; allowed is a whole number from 2 to 1000000.',
    ],
    [["jobs", "--limit", "0"], '--limit is "0"; allowed is a whole number from 1 to 200.'],
    [["dev", "--workers", "257"], '--workers is "257"; allowed is a whole number from 0 to 256.'],
  ];
  for (const [args, sentence] of lines)
    expect(await cli(args)).toMatchObject({ code: 2, stdout: "", stderr: `error: ${sentence}\n` });
  const both = await cli(["stitch", "talk.wav", "talk.wav", "--gap-ms", "5", "--crossfade-ms", "5"]);
  expect(both).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("--gap-ms and --crossfade-ms exclude each other"),
  });
  expect(folder.list()).toEqual(["talk.wav"]);
});

test("fails when --json does not give the error as a document too", async () => {
  const { code, stdout, stderr } = await cli(["clean", "a.wav", "--loudness", "0", "--json"]);
  expect(code).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ status: "failed", outputs: [], error: { code: "usage_invalid" } });
  expect(stderr).toMatch(/^error: --loudness/);
  expect((await cli(["clean", "a.wav", "--loudness", "0", "--json", "--quiet"])).stderr).toBe("");
});

test("fails when color is used off a terminal", async () => {
  expect((await cli(["clean", "nothing.wav"])).stderr).not.toContain("\x1b");
});

test("fails when no ffmpeg at all, or a wrong FFMPEG_PATH, is more than a sentence", async () => {
  folder.put("talk.wav");
  const { code, stderr } = await cli(["clean", "talk.wav"], { FFMPEG_PATH: "/nowhere/ffmpeg" });
  expect(code).toBe(5);
  expect(stderr).toMatch(/^error: FFMPEG_PATH is \/nowhere\/ffmpeg/);
  expect(folder.list()).toEqual(["talk.wav"]);
});

test("fails when doctor does not find what is there, or misses what is not", async () => {
  const env = { MIXDOWN_DATA: folder.at("data") };
  const good = await cli(["doctor", "--json"], env);
  expect(good.code).toBe(0);
  const document = JSON.parse(good.stdout);
  expect(document).toMatchObject({ status: "succeeded", usable: true });
  const names = document.checks.map((check: { name: string }) => check.name);
  expect(names).toEqual([
    "node",
    "ffmpeg",
    "ffprobe",
    "filters",
    "encoders",
    "processes",
    "cache",
    "data",
    "temporary",
  ]);
  expect(folder.list()).toEqual([]);
  const bad = await cli(["doctor"], { ...env, FFMPEG_PATH: "/nowhere/ffmpeg" });
  expect(bad).toMatchObject({ code: 5, stdout: expect.stringMatching(/^fault +ffmpeg/m), stderr: "" });
});

test("fails when a calibration measures nothing, or is not kept", async () => {
  const env = { MIXDOWN_DATA: folder.at("data"), MIXDOWN_CACHE_DIR: folder.at("cache") };
  const { code, stdout } = await cli(["doctor", "--calibrate", "--json"], env);
  expect(code).toBe(0);
  const { calibration } = JSON.parse(stdout);
  expect(calibration.cleanSpeed).toBeGreaterThan(0.5);
  expect(calibration.slowness * calibration.cleanSpeed).toBeCloseTo(throughput.clean.speed, 6);
  expect(JSON.parse(readFileSync(folder.at("cache/calibration.json"), "utf8"))).toEqual(calibration);
});

const oldNode = ["/usr/bin/node", "/usr/local/bin/node"].find((path) => {
  if (!existsSync(path)) return false;
  return Number(execFileSync(path, ["-p", "process.versions.node"]).toString().split(".")[0]) < 24;
});

test.skipIf(oldNode === undefined)(
  "fails when an older Node gives more than one sentence (needs an older Node)",
  async () => {
    const entry = fileURLToPath(new URL("../../cli/mixdown.js", import.meta.url));
    const { code, stdout, stderr } = await run(["clean", "a.wav"], { command: [oldNode ?? "", entry] });
    expect([code, stdout]).toEqual([5, ""]);
    expect(stderr).toMatch(/^error: mixdown needs Node 24 or newer.*\n$/);
  },
);
