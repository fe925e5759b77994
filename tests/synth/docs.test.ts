import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { environmentNames } from "../../config/environment-settings.ts";
import { readEnvironment } from "../../config/environments.ts";
import { buildMonthlyFloor, sumMonthly } from "../../core/cost.ts";
import { createStacks } from "../../stacks/index.ts";
import { countStandingParts } from "../../stacks/standing-parts.ts";
import { makeBundles } from "../fixtures/empty-bundles.ts";
import { digest, synth } from "./synth-fixture.ts";

const read = (name: string): string => readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");

test.each(environmentNames)("fails when docs/costs.md says another sum for %s than its stacks cost", (name) => {
  const digests = {
    MIXDOWN_WORKER_DIGEST: digest,
    MIXDOWN_WORKER_LAMBDA_DIGEST: digest,
    MIXDOWN_WORKER_GPU_DIGEST: digest,
  };
  const folder = mkdtempSync(join(tmpdir(), "mixdown-costs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const environment = readEnvironment({ ...digests, MIXDOWN_ENV: name }, folder);
  const { app } = createStacks({ environment, bundles: makeBundles(folder), outdir: join(folder, "out") });
  const sum = sumMonthly(buildMonthlyFloor(countStandingParts(app)));
  expect(read("costs.md")).toContain(`| \`${name}\` | $${sum.toFixed(2)} |`);
});

test("fails when docs/deploy.md names other stacks or outputs than there are", () => {
  const text = read("deploy.md");
  const stacks = synth("test");
  const rows = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows.sort()).toEqual(Object.keys(stacks).sort());
  const outputs = new Set(Object.values(stacks).flatMap(({ output = {} }) => Object.keys(output)));
  const named = /^Outputs: ([\s\S]*?);/m.exec(text)?.[1] ?? "";
  const names = [...named.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? "");
  expect(names.length).toBeGreaterThan(5);
  expect(names.filter((name) => !outputs.has(name))).toEqual([]);
});
