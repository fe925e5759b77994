import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { durationOf, run, start, useFolder, waitUntil } from "./cli-fixtures.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = useFolder();
let home = "";
let bin = "";

// The registry's own client, from the cache where it can; scripts are not run, as many do not allow them.
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "mixdown-pack-"));
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const npm = (args: readonly string[], cwd: string) =>
    execFileSync("npm", args, { cwd, env, stdio: "pipe" }).toString();
  npm(["pack", "--pack-destination", home], root);
  const tarball = readdirSync(home).find((name) => name.endsWith(".tgz")) ?? "";
  npm(["init", "--yes"], home);
  npm(
    ["install", "--omit=dev", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball}`],
    home,
  );
  bin = join(home, "node_modules/.bin/mixdown");
}, 300_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

const installed = () => join(home, "node_modules/@mixdown/mixdown");
const cli = (...args: readonly string[]) => run(args, { cwd: folder.dir, command: [process.execPath, bin] });

test("fails when the package carries source, tests or tools, or lacks its license", () => {
  expect(readdirSync(installed()).sort()).toEqual(expect.arrayContaining(["LICENSE", "cli", "dist", "package.json"]));
  const files = readdirSync(installed(), { recursive: true }).map(String);
  expect(files.filter((name) => name.endsWith(".ts"))).toEqual([]);
  expect(files.filter((name) => /^(tests|scripts|docs|worker|core)\b/.test(name))).toEqual([]);
  for (const name of ["typescript", "vitest", "esbuild"])
    expect(existsSync(join(home, "node_modules", name)), name).toBe(false);
});

test("fails when the installed command does not work without the checkout", async () => {
  folder.put("talk.wav");
  const { code, stdout } = await cli("clean", "talk.wav", "-o", "out.mp3", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout).status).toBe("succeeded");
  expect(durationOf(folder.at("out.mp3"))).toBeCloseTo(3, 1);
  expect((await cli("stitch", "talk.wav", "out.mp3", "-o", "all.wav")).code).toBe(0);
  expect((await cli("peaks", "talk.wav")).code).toBe(0);
  expect((await cli("--help")).code).toBe(0);
  expect((await cli("doctor")).code).toBe(0);
});

test("fails when the installed platform does not find its worker", async () => {
  folder.put("talk.wav");
  const platform = start(["dev", "--port", "0"], { cwd: folder.dir, command: [process.execPath, bin] });
  try {
    await waitUntil("the platform is ready", () => platform.stdout().includes("mixdown is running"));
    const { code, stdout } = await cli("submit", "clean", "talk.wav", "--wait", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ status: "succeeded" });
  } finally {
    platform.child.kill("SIGINT");
  }
  expect((await platform.ended).code).toBe(130);
});
