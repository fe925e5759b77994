import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { run, useFolder } from "./cli-fixtures.ts";

const folder = useFolder(() => {});
const planOf = (name: string): string => fileURLToPath(new URL(`../fixtures/plans/${name}.json`, import.meta.url));
const review = (args: readonly string[], input?: Buffer) =>
  run(["plan-review", ...args], { cwd: folder.dir, ...(input === undefined ? {} : { input }) });

test.each([
  [["storage"], [], 0],
  [["storage"], ["--fail-on", "destructive"], 10],
  [["access"], ["--fail-on", "iam"], 11],
  [["network"], ["--fail-on", "public"], 12],
  [["storage", "access"], ["--fail-on", "destructive,iam"], 20],
  [["storage", "network"], ["--fail-on", "incomplete", "--fail-on", "iam"], 0],
  [["unchanged"], ["--fail-on", "destructive,iam,public,incomplete"], 0],
])("fails when the plans %j with %j end otherwise than documented", async (names, flags, code) => {
  const ended = await review([...names.map(planOf), ...flags]);
  expect([ended.code, ended.stderr]).toEqual([code, ""]);
  // Whoever is stopped is told why.
  expect(ended.stdout).toMatch(/^<!-- mixdown plan-review -->\n\n## Terraform plan\n/);
  for (const name of names) expect(ended.stdout).toContain(`\`${name}\``);
});

test("fails when a wrong call or a file that is no plan has another code than 2 or 3", async () => {
  writeFileSync(join(folder.dir, "state.json"), JSON.stringify({ format_version: "1.0", values: {} }));
  const cases: readonly (readonly [readonly string[], number])[] = [
    [[], 2],
    [["--fail-on", "iam"], 2],
    [[planOf("storage"), "--fail-on", "everything"], 2],
    [[planOf("storage"), "--no-such-flag"], 2],
    [["missing.json"], 3],
    [["state.json"], 3],
    [["."], 3],
  ];
  for (const [args, code] of cases) {
    const ended = await review(args);
    expect([ended.code, ended.stdout], args.join(" ")).toEqual([code, ""]);
    expect(ended.stderr.trim().split("\n"), args.join(" ")).toHaveLength(1);
  }
});

test("fails when stdin, UTF-16 or a folder's name is not understood", async () => {
  const text = readFileSync(planOf("storage"), "utf8");
  expect((await review(["-"], Buffer.from(text))).stdout).toContain("`stdin`");
  mkdirSync(join(folder.dir, "network"));
  writeFileSync(join(folder.dir, "network", "plan.json"), Buffer.from(`\uFEFF${text}`, "utf16le"));
  writeFileSync(join(folder.dir, "network.tfplan.json"), text);
  const ended = await review(["network/plan.json", "network.tfplan.json", "--json", "--fail-on", "destructive"]);
  const document = JSON.parse(ended.stdout);
  expect([ended.code, document.exitCode]).toEqual([10, 10]);
  expect(document.stacks.map(({ stack }: { stack: string }) => stack)).toEqual(["network", "network-2"]);
  expect(document.losses).toHaveLength(8);
  expect(document.comment).toContain("### Data at risk");
});
