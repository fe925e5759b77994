import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { run, useFolder } from "./cli-fixtures.ts";

const folder = useFolder();

/** An ffprobe that notes each start with the process that asked for it, and then is the real one. */
function witness(): { env: Record<string, string>; starts: () => readonly string[] } {
  const notes = folder.at("starts");
  const path = folder.at("ffprobe");
  writeFileSync(path, `#!/bin/sh\necho "$*" >> '${notes}'\nexec ffprobe "$@"\n`);
  chmodSync(path, 0o755);
  const about = (line: string): boolean => line.includes("-show_streams");
  const starts = () => (existsSync(notes) ? readFileSync(notes, "utf8").split("\n").filter(about) : []);
  return { env: { FFPROBE_PATH: path, MIXDOWN_CACHE_DIR: folder.at("cache") }, starts };
}

const cli = (args: readonly string[], env: Record<string, string> = {}) => run(args, { cwd: folder.dir, env });

test("fails when an input is probed twice because it was probed early", async () => {
  folder.put("talk.wav");
  const { env, starts } = witness();
  expect(await cli(["doctor"], env)).toMatchObject({ code: 0 });
  expect(await cli(["probe", "talk.wav", "--json"], env)).toMatchObject({ code: 0 });
  expect(starts()).toHaveLength(1);
});

test("fails when one input's early answer is taken for another's", async () => {
  folder.put("talk.wav");
  folder.put("talk.mp3");
  const { env, starts } = witness();
  expect(await cli(["doctor"], env)).toMatchObject({ code: 0 });
  const { code, stdout } = await cli(["clean", "talk.mp3", "talk.wav", "-o", "out/", "--json"], env);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).results).toHaveLength(2);
  expect(starts().filter((line) => line.endsWith("/talk.mp3"))).toHaveLength(1);
  expect(starts().filter((line) => line.endsWith("/talk.wav"))).toHaveLength(1);
});

test("fails when an early ffprobe outlives a line that was refused", async () => {
  folder.put("talk.wav");
  const path = folder.at("ffprobe");
  // Answers about itself, so that it is known, and hangs on any file.
  writeFileSync(path, `#!/bin/sh\ncase "$*" in *-show_streams*) exec sleep 98765;; esac\nexec ffprobe "$@"\n`);
  chmodSync(path, 0o755);
  const env = { FFPROBE_PATH: path, MIXDOWN_CACHE_DIR: folder.at("cache") };
  expect(await cli(["doctor"], env)).toMatchObject({ code: 0 });
  expect(await cli(["clean", "talk.wav", "--loudness", "99"], env)).toMatchObject({ code: 2, stdout: "" });
  expect(execFileSync("sh", ["-c", "pgrep -f 'sleep 9876[5]' || true"]).toString()).toBe("");
});
