import type { ResourceChange } from "./plan.ts";
import type { PlanReview } from "./review.ts";
import { isHidden } from "./shown-value.ts";

/** What `--fail-on` can stop at, each with its exit code. Several at once end with `severalGates`. */
export const gateCodes = { destructive: 10, iam: 11, public: 12, incomplete: 13 } as const;
export const severalGates = 20;

export type Gate = keyof typeof gateCodes;
export const gates = Object.keys(gateCodes) as readonly Gate[];

/** How many findings each gate has. What cannot be judged before apply counts as the worse. Pure. */
export function countGates(review: PlanReview): Readonly<Record<Gate, number>> {
  const { losses, loweredGuards, access, exposure, plans } = review;
  return {
    destructive: losses.length + loweredGuards.length,
    iam: access.filter(({ access: { direction } }) => direction !== "narrowed").length,
    public: exposure.filter(({ exposure: { opened, unclear } }) => opened.length + unclear.length > 0).length,
    incomplete:
      plans.filter(({ isErrored, isIncomplete }) => isErrored || isIncomplete).length +
      plans.reduce((sum, { deferred, changes }) => sum + deferred.length + changes.filter(isUnread).length, 0),
  };
}

/** An action that is not known here, or a resource that is hidden or unknown as a whole. */
export const isUnread = ({ isData, action, before, after }: ResourceChange): boolean =>
  !isData && action !== "none" && (action === "other" || isHidden(before) || isHidden(after));

/** 0 when none of the gates has findings; else the code of the one that has, or `severalGates`. Pure. */
export function exitCodeOfGates(review: PlanReview, failOn: readonly Gate[]): number {
  const counts = countGates(review);
  const [first, ...others] = gates.filter((gate) => failOn.includes(gate) && counts[gate] > 0);
  if (first === undefined) return 0;
  return others.length === 0 ? gateCodes[first] : severalGates;
}
