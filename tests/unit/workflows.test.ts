import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { commentMarker } from "../../core/plan-review/comment.ts";
import { gateCodes, severalGates } from "../../core/plan-review/gates.ts";
import { findWorkflowFaults, parseWorkflow, scriptsOf } from "./workflow-rules.ts";

const folder = new URL("../../.github/workflows/", import.meta.url);
const workflows = readdirSync(folder).map((name) => [name, readFileSync(new URL(name, folder), "utf8")] as const);

test("fails when a workflow is missing", () => {
  expect(workflows.map(([name]) => name).sort()).toEqual(["ci.yml", "deploy.yml", "images.yml", "plan.yml"]);
});

test.each(workflows)("fails when %s breaks a rule", (_name, text) => {
  expect(findWorkflowFaults(text)).toEqual([]);
});

test.each(workflows)("fails when a script of %s is not what bash can read", (_name, text) => {
  for (const script of scriptsOf(parseWorkflow(text))) {
    expect(spawnSync("bash", ["-n"], { input: script, encoding: "utf8" }).stderr).toBe("");
  }
});

test.each(workflows)("fails when %s reads an exit code that GitHub's `bash -e` never gets to", (_name, text) => {
  for (const script of scriptsOf(parseWorkflow(text))) expect(script).not.toMatch(/(?<!\|\| code=)\$\?/);
});

test("fails when an npm script that a workflow runs is not there", () => {
  const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const named = workflows.flatMap(([, text]) =>
    scriptsOf(parseWorkflow(text)).flatMap((one) => [...one.matchAll(/npm run (?:-s )?([\w:-]+)/g)]),
  );
  expect(named.map(([, name]) => name).filter((name) => scripts[name ?? ""] === undefined)).toEqual([]);
});

test("fails when the comment's mark or a gate's code is another in the workflow", () => {
  const text = new Map(workflows).get("plan.yml") ?? "";
  expect(text).toContain(`startswith("${commentMarker}")`);
  expect(Math.min(...Object.values(gateCodes), severalGates)).toBe(10);
});

const sound = `
on: { push: { branches: [main] } }
permissions: {}
jobs:
  one:
    timeout-minutes: 5
    permissions: { contents: read }
    steps:
      - uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0
        with: { persist-credentials: false }
      - run: echo
`;

test("fails if a sound workflow is refused", () => {
  expect(findWorkflowFaults(sound)).toEqual([]);
});

test.each([
  ["a tag", sound.replace(/@\w{40} # v5.0.0/, "@v5")],
  ["a branch", sound.replace(/@\w{40} # v5.0.0/, "@main")],
  ["a commit without its version", sound.replace(" # v5.0.0", "")],
  ["a short commit", sound.replace("@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "@08c6903")],
  ["an image by tag", sound.replace(/actions\/checkout@\w{40}/, "docker://alpine:3")],
  ["no permissions", sound.replace("permissions: {}\n", "")],
  ["permissions for all", sound.replace("permissions: {}", "permissions: write-all")],
  ["a job without permissions", sound.replace("    permissions: { contents: read }\n", "")],
  ["read-all", sound.replace("{ contents: read }", "read-all")],
  ["pull_request_target", sound.replace("push: { branches: [main] }", "pull_request_target: {}")],
  ["pull_request_target in a list", sound.replace("{ push: { branches: [main] } }", "[push, pull_request_target]")],
  ["an event's text in a script", sound.replace("run: echo", `run: echo "\${{ github.event.pull_request.title }}"`)],
  ["a branch's name in a script", sound.replace("run: echo", `run: echo \${{ github.head_ref }}`)],
  ["a secret", sound.replace("run: echo", `run: echo\n        env: { KEY: "\${{ secrets.KEY }}" }`)],
  ["a token left behind", sound.replace("        with: { persist-credentials: false }\n", "")],
  ["no time limit", sound.replace("    timeout-minutes: 5\n", "")],
  ["a role without an environment", sound.replace("contents: read", "id-token: write")],
  [
    "a role for forks",
    sound
      .replace("push: { branches: [main] }", "pull_request: {}")
      .replace("{ contents: read }", "{ id-token: write }\n    environment: dev"),
  ],
  ["writing with a checkout", sound.replace("contents: read", "pull-requests: write")],
])("fails when %s passes", (_what, text) => {
  expect(text).not.toBe(sound);
  expect(findWorkflowFaults(text)).not.toEqual([]);
});
