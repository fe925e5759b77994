import { Command } from "commander";
import { expect, test } from "vitest";
import { defineSimulate } from "../../../../cli/commands/simulate.ts";
import { createReporter } from "../../../../cli/reporter.ts";
import { parseCapacity, TokenBucket } from "../../../../cli/simulate/capacity.ts";
import { faultPresets, parseFaults } from "../../../../cli/simulate/faults.ts";

/** Runs the command as the program does. */
async function run(...argv: readonly string[]): Promise<{ code: number; out: string }> {
  let out = "";
  let code = -1;
  const collect = (text: string) => {
    out += text;
    return true;
  };
  const reporter = createReporter({
    stdout: { write: collect },
    stderr: { write: () => true },
    quiet: true,
    json: argv.includes("--json"),
    noColor: true,
    dumb: true,
  });
  const command = new Command("simulate").exitOverride().configureOutput({ outputError: () => {} });
  const { signal } = new AbortController();
  defineSimulate(command, {
    reporter,
    signal,
    action:
      (act) =>
      async (...args) => {
        code = await act(...args);
      },
  });
  await command.parseAsync(argv, { from: "user" });
  return { code, out };
}

test.each([
  ["--jobs", "0"],
  ["--jobs", "1.5"],
  ["--jobs", "many"],
  ["--seed", "-1"],
  ["--seed", String(2 ** 32)],
  ["--minutes", "-5"],
  ["--faults", "wild"],
  ["--faults", "default,crash=2"],
  ["--faults", "default,crash"],
  ["--faults", "default,crashes=0.1"],
  ["--faults", "dry=1"],
  ["--capacity", "fargate"],
  ["--capacity", "fargate=-1"],
  ["--capacity", "moon=1"],
  ["--capacity", "invokers=0"],
])("fails when %s %s is taken, or its refusal does not name flag and bounds", async (flag, value) => {
  await expect(run(flag, value)).rejects.toMatchObject({
    code: "usage_invalid",
    message: expect.stringMatching(new RegExp(`^${flag}.*allowed`)),
  });
});

test("fails when changes to a preset are not made, or change anything else", () => {
  expect(parseFaults("--faults", "default,crash=0.5")).toEqual({ ...faultPresets.default, crash: 0.5 });
  expect(parseFaults("--faults", "dry=0.25")).toEqual({ ...faultPresets.none, dry: 0.25 });
  expect(Object.values(faultPresets.none).every((value) => value === 0)).toBe(true);
  expect(parseCapacity("--capacity", "fargate=8, invokers=2")).toMatchObject({
    fargate: 8,
    invokers: 2,
    lambda: 1_000,
  });
});

test("fails when the command that is printed does not play the same again", async () => {
  const first = await run("--jobs", "40", "--faults", "heavy");
  const again = /^Again: mixdown simulate (.*)$/m.exec(first.out)?.[1]?.split(" ") ?? [];
  expect(again).toContain("--seed");
  expect(await run(...again)).toEqual(first);
  expect(first.code).toBe(0);
});

test("fails when the document is not JSON, or does not carry what repeats the play", async () => {
  const { code, out } = await run("--jobs", "20", "--faults", "none", "--seed", "3", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    status: "succeeded",
    settings: { jobs: 20, minutes: 60, faults: "none", seed: 3 },
    lost: 0,
    doubled: 0,
  });
});

test("fails when a bucket gives more than its burst at once or its rate later", () => {
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 });
  const take = (now: number) => [1, 2, 3, 4, 5].filter(() => bucket.take(now)).length;
  expect(take(10_000)).toBe(3);
  expect(take(11_000)).toBe(2);
  expect(take(60_000)).toBe(3);
});
