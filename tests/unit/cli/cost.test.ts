import { Command } from "commander";
import { expect, test } from "vitest";
import { defineCost } from "../../../cli/commands/cost.ts";
import { createReporter } from "../../../cli/reporter.ts";
import { attemptUsd } from "../../../core/job-cost.ts";
import { estimateSeconds } from "../../../core/lane.ts";

const cleanSeconds = (minutes: number): number =>
  estimateSeconds("clean", { sizeBytes: 1, durationSeconds: 60 * minutes }) ?? Number.NaN;

/** Runs the command as the program does; what it says. */
async function run(...argv: readonly string[]): Promise<string> {
  let out = "";
  const write = (text: string) => {
    out += text;
    return true;
  };
  const json = argv.includes("--json");
  const quiet = { write: () => true };
  const reporter = createReporter({ stdout: { write }, stderr: quiet, quiet: true, json, noColor: true, dumb: true });
  const command = new Command("cost").exitOverride().configureOutput({ outputError: () => {} });
  defineCost(command, {
    reporter,
    signal: new AbortController().signal,
    action:
      (act) =>
      async (...args) => {
        expect(await act(...args)).toBe(0);
      },
  });
  await command.parseAsync(argv, { from: "user" });
  return out;
}

test("fails when the document's sums are not those of its parts", async () => {
  const document = JSON.parse(await run("--env", "prod", "--jobs", "20000", "--minutes", "90", "--json"));
  const floor = (document.floor as { monthUsd: number }[]).reduce((sum, { monthUsd }) => sum + monthUsd, 0);
  expect(document.monthUsd.floor).toBeCloseTo(floor, 9);
  expect(document.monthUsd.floor).toBeGreaterThan(100);
  expect(document.monthUsd.jobs).toBeCloseTo(20_000 * document.job.usd, 9);
  expect(document.monthUsd.sum).toBeCloseTo(document.monthUsd.floor + document.monthUsd.jobs, 9);
  expect(document.prices).toMatchObject({ region: "us-east-1", useAsOf: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) });
});

test("fails when 30 minutes are not priced at the work that they are expected to take, where they start", async () => {
  const { job } = JSON.parse(await run("--env", "dev", "--json"));
  expect(job).toMatchObject({ minutes: 30, lane: "lambda", usd: attemptUsd("lambda", "S", cleanSeconds(30)) });
  expect(job.lanes).toHaveLength(3);
});

test("fails when an hour that is too long for a function is priced as one", async () => {
  const { job } = JSON.parse(await run("--env", "dev", "--minutes", "600", "--json"));
  expect(job).toMatchObject({ lane: "fargate-spot", usd: attemptUsd("fargate-spot", "S", cleanSeconds(600)) });
});

test("fails when a person is not told what stands, what a job costs and what a month comes to", async () => {
  const text = await run("--env", "stage", "--jobs", "100");
  expect(text).toMatch(/^stage costs \$43\.50 a month at rest/);
  expect(Math.round(cleanSeconds(30))).toBe(40);
  expect(text).toMatch(/^fargate-spot +40 s +\$0\.000\d\d +\$0\.\d\d$/m);
  expect(text).toMatch(/^100 of them a month: \$\d+\.\d\d; with what stands \$4\d\.\d\d\.$/m);
});

test.each([
  ["--env", "local"],
  ["--jobs", "1.5"],
  ["--minutes", "0"],
])("fails when %s %s is taken for something", async (...argv) => {
  await expect(run(...argv)).rejects.toThrow(/allowed is|must be one of/);
});
