import { prices } from "../cost.ts";
import { formatComment } from "./comment.ts";
import { countGates, exitCodeOfGates, type Gate } from "./gates.ts";
import type { ResourceChange } from "./plan.ts";
import type { PlanReview } from "./review.ts";
import { describeValue } from "./shown-value.ts";

/** The review for programs: everything that the comment says, and what it had no room for. Pure. */
export function buildReviewDocument(review: PlanReview, failOn: readonly Gate[]) {
  const place = ({ stack, change }: { readonly stack: string; readonly change: ResourceChange }) => ({
    stack,
    address: change.address,
    type: change.type,
    action: change.action,
  });
  return {
    status: "succeeded",
    exitCode: exitCodeOfGates(review, failOn),
    findings: countGates(review),
    stacks: review.plans.map(({ stack, terraformVersion, isErrored, isIncomplete, deferred, invocations }) => ({
      stack,
      terraformVersion,
      isErrored,
      isIncomplete,
      deferred,
      invocations,
    })),
    losses: review.losses.map((one) => ({ ...place(one), loss: one.loss, replacePaths: one.change.replacePaths })),
    loweredGuards: review.loweredGuards.map((one) => ({
      ...place(one),
      guards: one.guards.map(({ what, before, after }) => ({
        what,
        before: describeValue(before),
        after: describeValue(after),
      })),
    })),
    access: review.access.map((one) => ({ ...place(one), ...one.access })),
    exposure: review.exposure.map((one) => ({ ...place(one), ...one.exposure })),
    cost: {
      monthlyUsdChange: Math.round(review.monthlyUsdChange * 100) / 100,
      prices: `${prices.region}, ${prices.asOf}`,
      changes: review.costs.map((one) => ({ ...place(one), beforeUsd: one.beforeUsd, afterUsd: one.afterUsd })),
    },
    changes: review.changes.map((one) => ({
      ...place(one),
      previousAddress: one.change.previousAddress,
      imported: one.change.isImported,
    })),
    drift: review.drift.map(place),
    comment: formatComment(review),
  };
}
