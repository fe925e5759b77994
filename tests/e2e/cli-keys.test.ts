import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), "mixdown-keys-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const run = (...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { encoding: "utf8" });
  return { status, stdout, stderr };
};
const keys = (...args: string[]) => run("keys", ...args, "--data", dataDir);

test("fails when a key is not shown once, is shown twice, or is there after it was removed", () => {
  const created = keys("create", "--name", "front end", "--scope", "jobs:read", "--days", "3");
  expect(created.stdout.trim()).toMatch(/^mxd_[0-9A-Z]{26}_[\w-]{43}$/);
  const [, keyId = "", secret = ""] = /^mxd_([0-9A-Z]+)_(.*)$/.exec(created.stdout.trim()) ?? [];
  const listed = keys("list");
  expect(listed.stdout).toContain(keyId);
  expect(listed.stdout).toContain("jobs:read");
  expect(listed.stdout + keys("list", "--json").stdout).not.toContain(secret);
  expect(keys("list", "--owner", "acme").stdout).not.toContain(keyId);
  expect(keys("remove", keyId).status).toBe(0);
  expect(keys("list").stdout).not.toContain(keyId);
  expect(keys("remove", keyId)).toMatchObject({ status: 2, stderr: expect.stringContaining(keyId) });
});

test("fails when an unknown scope or a bad owner makes a key", () => {
  expect(keys("create", "--scope", "everything")).toMatchObject({
    status: 2,
    stderr: expect.stringContaining("jobs:read"),
  });
  expect(keys("create", "--owner", "a/b")).toMatchObject({ status: 2, stdout: "" });
});

test.each([
  ["keys cr", ["create"]],
  ["clean --lo", ["--loudness"]],
  ["submit st", ["stitch"]],
])("fails when bash does not complete `mixdown %s`", (line, expected) => {
  const script = run("completion", "bash").stdout;
  const words = line.split(" ");
  const probe = `${script}\nCOMP_WORDS=(mixdown ${line}); COMP_CWORD=${words.length}; _mixdown; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync("bash", ["-c", probe], { encoding: "utf8", cwd: dataDir });
  expect(stdout.trim().split("\n")).toEqual(expected);
});

test("fails when an unknown shell gets a script", () => {
  expect(run("completion", "tcsh")).toMatchObject({ status: 2, stderr: expect.stringContaining("bash, zsh, fish") });
});
