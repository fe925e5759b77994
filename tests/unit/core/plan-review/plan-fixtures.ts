import { readdirSync, readFileSync } from "node:fs";
import { formatComment } from "../../../../core/plan-review/comment.ts";
import { parsePlan } from "../../../../core/plan-review/plan.ts";
import { type PlanReview, reviewPlans } from "../../../../core/plan-review/review.ts";

const folder = new URL("../../../fixtures/plans/", import.meta.url);

/** Plans that Terraform wrote (scripts/make-plan-fixtures.ts). */
export const realPlanNames: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .map((name) => name.replace(".json", ""));

export const readRealPlan = (name: string): string => readFileSync(new URL(`${name}.json`, folder), "utf8");

export const reviewReal = (...names: readonly string[]): PlanReview =>
  reviewPlans(names.map((name) => parsePlan(readRealPlan(name), `${name}.json`, name)));

export interface ChangeShape {
  readonly address?: string;
  readonly type: string;
  readonly actions?: readonly string[];
  readonly before?: unknown;
  readonly after?: unknown;
  /** More fields of `change`. */
  readonly change?: Readonly<Record<string, unknown>>;
  /** More fields of the resource change. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** A resource change in the form of format_version 1.2; its actions follow from what is there before and after. */
export function shapeChange(shape: ChangeShape): Record<string, unknown> {
  const { type, address = `${type}.it`, before = null, after = null } = shape;
  const actions = shape.actions ?? (before === null ? ["create"] : after === null ? ["delete"] : ["update"]);
  return {
    address,
    mode: "managed",
    type,
    name: "it",
    provider_name: "registry.terraform.io/hashicorp/aws",
    change: { actions, before, after, after_unknown: {}, before_sensitive: {}, after_sensitive: {}, ...shape.change },
    ...shape.more,
  };
}

export const planText = (
  changes: readonly Record<string, unknown>[],
  more: Readonly<Record<string, unknown>> = {},
): string => JSON.stringify({ format_version: "1.2", terraform_version: "1.11.4", resource_changes: changes, ...more });

export const reviewText = (text: string): PlanReview => reviewPlans([parsePlan(text, "plan.json", "main")]);
export const reviewOne = (shape: ChangeShape): PlanReview => reviewText(planText([shapeChange(shape)]));
export const commentOf = (text: string): string => formatComment(reviewText(text));

/** A policy document's text. */
export const policy = (...statements: readonly Readonly<Record<string, unknown>>[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });
