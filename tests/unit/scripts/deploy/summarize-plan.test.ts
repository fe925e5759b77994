import { expect, test } from "vitest";
import { parsePlan } from "../../../../core/plan-review/plan.ts";
import { summarizePlan } from "../../../../scripts/deploy/summarize-plan.ts";

const planOf = (changes: readonly object[], outputs: object = {}) =>
  parsePlan(
    JSON.stringify({ format_version: "1.2", resource_changes: changes, output_changes: outputs }),
    "plan",
    "storage",
  );
const changeOf = (type: string, actions: readonly string[], before: object | null, after: object | null) => ({
  address: `${type}.it`,
  type,
  mode: "managed",
  change: { actions, before, after, after_unknown: {} },
});

test("fails when a plan that loses data passes for harmless", () => {
  const table = { name: "mixdown-dev-jobs" };
  const { losses, warnings, counts } = summarizePlan(
    planOf([changeOf("aws_dynamodb_table", ["delete", "create"], table, table)]),
  );
  expect(losses).toEqual(["aws_dynamodb_table.it"]);
  expect(counts).toBe("1 to replace");
  expect(warnings.join()).toContain("data at risk: aws_dynamodb_table.it");
});

test("fails when something that comes new counts as lost or widened", () => {
  const { losses, warnings, counts, isEmpty } = summarizePlan(
    planOf([
      changeOf("aws_dynamodb_table", ["create"], null, { name: "jobs" }),
      changeOf("aws_ecr_repository", ["no-op"], { name: "a" }, { name: "a" }),
    ]),
  );
  expect({ losses, warnings, counts, isEmpty }).toEqual({
    losses: [],
    warnings: [],
    counts: "1 to create",
    isEmpty: false,
  });
});

test("fails when a new output alone is not applied", () => {
  const output = { url: { actions: ["create"], before: null, after: "u" } };
  expect(summarizePlan(planOf([], output))).toMatchObject({ isEmpty: false, counts: "outputs only" });
  expect(summarizePlan(planOf([]))).toMatchObject({ isEmpty: true, counts: "no changes" });
});
