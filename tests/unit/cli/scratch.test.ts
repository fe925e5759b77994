import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createScratch } from "../../../cli/scratch.ts";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mixdown-scratch-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test("fails when a scratch folder is visible, or stays after its removal", async () => {
  const scratch = createScratch(dir);
  expect(basename(scratch.path).startsWith(".")).toBe(true);
  writeFileSync(join(scratch.path, "x"), "x");
  await scratch.remove();
  expect(readdirSync(dir)).toEqual([]);
});

test("fails when what a killed process left is never removed, or a living one's is", async () => {
  const own = createScratch(dir);
  const { pid } = spawnSync(process.execPath, ["-e", "0"]);
  const abandoned = own.path.replace(`-${process.pid}-`, `-${pid}-`);
  const foreign = own.path.replace(/\.mixdown-[^-]*-\d+/, `.mixdown-elsewhere-${pid}`);
  const unrelated = join(dir, ".mixdown");
  for (const path of [abandoned, foreign, unrelated]) mkdirSync(path);
  const next = createScratch(dir);
  expect([abandoned, foreign, unrelated, own.path].map((path) => existsSync(path))).toEqual([false, true, true, true]);
  await Promise.all([own.remove(), next.remove()]);
});

test("fails when a missing folder is an internal error", () => {
  expect(() => createScratch(join(dir, "nowhere"))).toThrow(
    expect.objectContaining({ code: "usage_output_folder_missing" }),
  );
});

test("fails when a process that exits leaves its scratch folder", () => {
  const url = new URL("../../../cli/scratch.ts", import.meta.url).href;
  const code = `import { createScratch } from ${JSON.stringify(url)}; createScratch(process.argv[1]); process.exit(3);`;
  const { status } = spawnSync(process.execPath, ["--input-type=module", "-e", code, dir]);
  expect(status).toBe(3);
  expect(readdirSync(dir)).toEqual([]);
});
