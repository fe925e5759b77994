import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { listenForInterrupt } from "../../../../scripts/deploy/interrupt.ts";
import { runTool } from "../../../../scripts/deploy/run-tool.ts";

function open() {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-tool-test-"));
  const interrupt = listenForInterrupt();
  onTestFinished(() => {
    interrupt.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const run = (source: string, more: { logFile?: string } = {}) =>
    runTool({ command: process.execPath, args: ["-e", source], cwd: folder, env: process.env, interrupt, ...more });
  return { folder, interrupt, run };
}

test("fails when streams or exit code get lost", async () => {
  const { run } = open();
  const both = `console.log("o"); console.error("e"); process.exitCode = 3;`;
  expect(await run(both)).toEqual({ code: 3, stdout: "o\n", said: "e\n" });
});

test("fails when a log loses what is in it, or gives an earlier run's words as this one's", async () => {
  const { folder, run } = open();
  const logFile = join(folder, "logs", "storage.log");
  await run(`console.log("one")`, { logFile });
  const { said } = await run(`console.error("two")`, { logFile });
  expect(said).toContain("two");
  expect(said).not.toContain("one");
  expect(readFileSync(logFile, "utf8")).toMatch(/one[\s\S]*two/);
});

test("fails when Ctrl-C does not reach the tool once, or is forgotten afterwards", async () => {
  const { folder, interrupt, run } = open();
  // A second signal would be counted while it waits.
  const patient = `
    let count = 0;
    process.on("SIGINT", () => { count++; setTimeout(() => process.exit(40 + count), 300); });
    require("node:fs").writeFileSync("ready", "");
    setInterval(() => {}, 1_000);`;
  const ending = run(patient);
  while (!existsSync(join(folder, "ready"))) await sleep(20);
  // As under npm, which passes on what the terminal has sent already.
  process.emit("SIGINT");
  process.emit("SIGINT");
  expect((await ending).code).toBe(41);
  expect(() => interrupt.check()).toThrow("the same command goes on from here");
});

test("fails when a tool that is not there is anything but one sentence", async () => {
  const { interrupt, folder } = open();
  const missing = { command: "mixdown-no-such-tool", args: [], cwd: folder, env: process.env, interrupt };
  await expect(runTool(missing)).rejects.toMatchObject({ code: "platform_tool_missing" });
});
