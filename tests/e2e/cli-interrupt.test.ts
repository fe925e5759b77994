import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ffmpeg, start, useFolder, waitUntil } from "./cli-fixtures.ts";
import { findMarked } from "./process-tree.ts";

/** Long enough to be in the middle of it. */
const folder = useFolder((dir) => {
  ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=400:a=0.1:r=48000:seed=1", join(dir, "long.wav"));
});

/** Starts a clean and gives it when ffmpeg is at work. */
async function startCleaning() {
  folder.put("long.wav");
  writeFileSync(folder.at("out.wav"), "precious");
  const mark = `mark-${randomUUID()}`;
  const env = { MIXDOWN_TEST_MARK: mark };
  const running = start(["clean", "long.wav", "-o", "out.wav"], { cwd: folder.dir, env });
  await waitUntil("ffmpeg works", () => findMarked(mark).some(({ command }) => /^\S*ffmpeg /.test(command)));
  return { ...running, alive: () => findMarked(mark) };
}

function expectUntouched(): void {
  expect(folder.list()).toEqual(["long.wav", "out.wav"]);
  expect(readFileSync(folder.at("out.wav"), "utf8")).toBe("precious");
}

test.each([
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const)("fails when %s leaves a file, a process, or another exit code than %i", async (signal, exitCode) => {
  const { child, ended, alive } = await startCleaning();
  const askedAt = performance.now();
  child.kill(signal);
  const { code, stdout, stderr } = await ended;
  expect(performance.now() - askedAt).toBeLessThan(3_000);
  expect([code, stdout]).toEqual([exitCode, ""]);
  expect(stderr).toMatch(new RegExp(`error: Interrupted by ${signal}`));
  expect(alive()).toEqual([]);
  expectUntouched();
});

test("fails when a second Ctrl-C does not end it at once, or something survives it", async () => {
  const { child, ended, alive } = await startCleaning();
  child.kill("SIGINT");
  child.kill("SIGINT");
  // Signals that are pending together are one: repeat until it has gone.
  const again = setInterval(() => child.kill("SIGINT"), 5);
  const askedAt = performance.now();
  const { code } = await ended;
  clearInterval(again);
  expect(performance.now() - askedAt).toBeLessThan(1_000);
  expect(code).toBe(130);
  await waitUntil("no process is left", () => alive().length === 0, 2_000);
  expectUntouched();
});

test("fails when a killed run's leftovers stay after the next run, or its ffmpeg lives on", async () => {
  const { child, ended, alive } = await startCleaning();
  child.kill("SIGKILL");
  await ended;
  await waitUntil("no process is left", () => alive().length === 0, 2_000);
  expect(folder.list().some((name) => name.startsWith(".mixdown-"))).toBe(true);
  const { code } = await start(["peaks", "long.wav", "-o", "peaks.dat"], { cwd: folder.dir }).ended;
  expect(code).toBe(0);
  expect(folder.list()).toEqual(["long.wav", "out.wav", "peaks.dat"]);
});

test("fails when Ctrl-C while stdin is awaited does not end it", async () => {
  const { child, ended } = start(["clean", "-", "-o", "out.wav"], { cwd: folder.dir, keepStdinOpen: true });
  await waitUntil("stdin is being kept", () => folder.list().length > 0);
  child.kill("SIGINT");
  expect((await ended).code).toBe(130);
  expect(folder.list()).toEqual([]);
});

const hasScript = spawnSync("script", ["--version"]).status === 0;

test.skipIf(!hasScript)("fails when a terminal shows no bar, or NO_COLOR no plain text (needs script)", () => {
  folder.put("long.wav");
  const entry = new URL("../../cli/mixdown.js", import.meta.url).pathname;
  const show = (line: string, env: Record<string, string>) => {
    const command = `'${process.execPath}' '${entry}' ${line}`;
    return spawnSync("script", ["-qefc", command, "/dev/null"], {
      cwd: folder.dir,
      env: { ...process.env, TERM: "xterm", ...env },
      input: "",
    });
  };
  const seen = show("peaks long.wav -o peaks.json", {});
  expect(seen.status).toBe(0);
  expect(seen.stdout.toString()).toMatch(/long\.wav {2}processing {2}━*─* +\d+ %/);
  // The bar is gone when the table is there.
  expect(seen.stdout.toString()).toContain("\r\x1b[2Klong.wav → peaks.json");
  expect(show("probe gone.wav", {}).stdout.toString()).toContain("\x1b[31merror:");
  expect(show("probe gone.wav", { NO_COLOR: "1" }).stdout.toString()).not.toContain("\x1b[31m");
  // Audio is not written to a terminal.
  expect(show("clean long.wav -o -", {}).status).toBe(2);
});
