import { type AccessChange, findAccessChanges } from "./access.ts";
import { type ExposureChange, findExposureChange } from "./exposure.ts";
import { findLoweredGuards, type LoweredGuard } from "./guards.ts";
import { estimateMonthlyUsd } from "./monthly-cost.ts";
import type { Plan, PlannedAction, ResourceChange } from "./plan.ts";
import { readPath } from "./shown-value.ts";
import { lossOf } from "./stateful-types.ts";

interface Placed {
  readonly stack: string;
  readonly change: ResourceChange;
}

export interface Loss extends Placed {
  /** What goes with it. */
  readonly loss: string;
}
export interface LoweredGuards extends Placed {
  readonly guards: readonly LoweredGuard[];
}
export interface AccessFinding extends Placed {
  readonly access: AccessChange;
}
export interface ExposureFinding extends Placed {
  readonly exposure: ExposureChange;
}
export interface CostChange extends Placed {
  /** US dollars a month; null where no price is known here. */
  readonly beforeUsd: number | null;
  readonly afterUsd: number | null;
}

/** What a reviewer should look at, the worst first. */
export interface PlanReview {
  readonly plans: readonly Plan[];
  /** Stateful resources that are deleted or replaced. */
  readonly losses: readonly Loss[];
  readonly loweredGuards: readonly LoweredGuards[];
  readonly access: readonly AccessFinding[];
  readonly exposure: readonly ExposureFinding[];
  readonly costs: readonly CostChange[];
  /** Sum of what is known. */
  readonly monthlyUsdChange: number;
  /** Everything planned, changes of data sources and nothing left out. */
  readonly changes: readonly Placed[];
  readonly drift: readonly Placed[];
}

/** Actions after which the thing that was there is gone. */
const destroys: ReadonlySet<PlannedAction> = new Set(["delete", "replace", "replace-after-create"]);

export const isDestroyed = (change: ResourceChange): boolean => destroys.has(change.action);

/** Judges plans, one a stack. Pure. */
export function reviewPlans(plans: readonly Plan[]): PlanReview {
  const changes = plans.flatMap(({ stack, changes: all }) =>
    all.filter(isResourceChange).map((change) => ({ stack, change })),
  );
  // What Terraform forgets stays as it is: nothing about it is opened, closed or lowered.
  const judged = changes.filter((one) => one.change.action !== "forget" && !goesWithItsBucket(one, changes));
  const costs = judged.map(readCost).filter(isCostChange);
  return {
    plans,
    losses: changes.flatMap(({ stack, change }) => {
      const loss = isDestroyed(change) ? lossOf(change.type) : null;
      return loss === null ? [] : [{ stack, change, loss }];
    }),
    loweredGuards: judged.flatMap(({ stack, change }) => {
      const guards = findLoweredGuards(change.type, change.before, change.after);
      return guards.length === 0 ? [] : [{ stack, change, guards }];
    }),
    access: judged.flatMap(({ stack, change }) =>
      findAccessChanges(change).map((access) => ({ stack, change, access })),
    ),
    exposure: judged.flatMap(({ stack, change }) => {
      const exposure = findExposureChange(change);
      const told = exposure.opened.length + exposure.closed.length + exposure.unclear.length;
      return told === 0 ? [] : [{ stack, change, exposure }];
    }),
    costs,
    monthlyUsdChange: costs.reduce((sum, { beforeUsd, afterUsd }) => sum + (afterUsd ?? 0) - (beforeUsd ?? 0), 0),
    changes,
    drift: plans.flatMap(({ stack, drift }) => drift.map((change) => ({ stack, change }))),
  };
}

/** A bucket's public access block or versioning that is deleted together with the bucket. */
function goesWithItsBucket({ stack, change }: Placed, changes: readonly Placed[]): boolean {
  if (change.action !== "delete" || !/^aws_s3_bucket_/.test(change.type)) return false;
  const bucket = readPath(change.before, "bucket");
  return changes.some(
    (other) =>
      other.stack === stack &&
      other.change.type === "aws_s3_bucket" &&
      other.change.action === "delete" &&
      readPath(other.change.before, "bucket") === bucket,
  );
}

/** Something happens to it, or to where Terraform keeps it. */
const isResourceChange = (change: ResourceChange): boolean =>
  !change.isData &&
  change.action !== "read" &&
  (change.action !== "none" || change.previousAddress !== null || change.isImported);

function readCost({ stack, change }: Placed): CostChange {
  const [beforeUsd, afterUsd] = [change.before, change.after].map((side) => estimateMonthlyUsd(change.type, side));
  return { stack, change, beforeUsd: beforeUsd ?? null, afterUsd: afterUsd ?? null };
}

const sizeAttribute = /(instance_(type|class)|node_type|_capacity|_size|_count|allocated_storage|iops|engine_mode)$/;

/** Of what has no price here, only what comes, goes or changes its size. */
function isCostChange({ change, beforeUsd, afterUsd }: CostChange): boolean {
  if (beforeUsd !== null || afterUsd !== null) return beforeUsd !== afterUsd;
  return change.attributes.some(({ path }) => sizeAttribute.test(path));
}
