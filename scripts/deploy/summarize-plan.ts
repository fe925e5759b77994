import type { Plan } from "../../core/plan-review/plan.ts";
import { type PlanReview, reviewPlans } from "../../core/plan-review/review.ts";

const verbs = [
  ["create", ["create"]],
  ["change", ["update", "other"]],
  ["replace", ["replace", "replace-after-create", "replace-and-forget"]],
  ["delete", ["delete"]],
  ["forget", ["forget"]],
] as const;

export interface PlanSummary {
  /** Nothing would be done; outputs may still be new. */
  readonly isEmpty: boolean;
  /** `12 to create, 1 to change`. */
  readonly counts: string;
  /** What a reviewer should look at, a line each. */
  readonly warnings: readonly string[];
  /** Addresses of what holds data and would be gone. */
  readonly losses: readonly string[];
}

/** One stack's plan in a few lines. Pure. */
export function summarizePlan(plan: Plan): PlanSummary {
  const review = reviewPlans([plan]);
  const counts = verbs.flatMap(([verb, actions]) => {
    const known: readonly string[] = actions;
    const count = review.changes.filter(({ change }) => known.includes(change.action)).length;
    return count === 0 ? [] : [`${count} to ${verb}`];
  });
  const outputs = plan.outputs.filter(({ action }) => action !== "none").length;
  return {
    isEmpty: counts.length === 0 && outputs === 0,
    counts: counts.join(", ") || (outputs === 0 ? "no changes" : "outputs only"),
    warnings: listWarnings(review),
    losses: review.losses.map(({ change }) => change.address),
  };
}

function listWarnings(review: PlanReview): readonly string[] {
  const { losses, loweredGuards, access, exposure, monthlyUsdChange } = review;
  const opened = exposure.filter((one) => one.exposure.opened.length > 0);
  // What comes new is allowed what it is made for; what stands and may do more is news.
  const widened = access.filter(
    ({ change, access: { direction } }) => change.action !== "create" && direction !== "narrowed",
  );
  const cents = Math.round(monthlyUsdChange * 100) / 100;
  return [
    ...losses.map(({ change, loss }) => `data at risk: ${change.address} (${change.action}): ${loss}`),
    ...loweredGuards.map(({ change }) => `guards lowered: ${change.address}`),
    ...opened.map(({ change }) => `open to the internet: ${change.address}`),
    ...widened.map(({ change }) => `access widened: ${change.address}`),
    ...(cents === 0 ? [] : [`at rest ${cents > 0 ? "+" : "−"}$${Math.abs(cents).toFixed(2)} a month`]),
  ];
}
