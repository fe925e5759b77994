import { prices } from "../cost.ts";
import {
  formatAccess,
  formatChange,
  formatCost,
  formatExposure,
  formatGuards,
  formatLoss,
  formatRelocation,
  formatStack,
  formatSubject,
} from "./comment-items.ts";
import { countGates, isUnread } from "./gates.ts";
import { countOf, formatCode, formatUsd } from "./markdown-text.ts";
import type { Plan, PlannedAction } from "./plan.ts";
import { isDestroyed, type PlanReview } from "./review.ts";
import { lossOf } from "./stateful-types.ts";

/** The first line, by which the comment of an earlier run is found. */
export const commentMarker = "<!-- mixdown plan-review -->";

/** GitHub refuses bodies over 65,536 characters; a little is left for what a workflow adds. */
const maxLength = 65_000;
const maxStackRows = 40;

interface Block {
  readonly title: string;
  readonly items: readonly string[];
  readonly isFolded: boolean;
  /** Trusted text between title and items. */
  readonly note?: string;
}

/** The Markdown comment of a review, never longer than GitHub takes. Pure. */
export function formatComment(review: PlanReview): string {
  const blocks = buildBlocks(review).filter(({ items, note }) => items.length > 0 || note !== undefined);
  const parts = [commentMarker, "## Terraform plan", formatStacks(review.plans), formatVerdict(review)];
  let left = maxLength - parts.join("\n\n").length - blocks.reduce((sum, block) => sum + reserveOf(block), 0);
  for (const block of blocks) {
    const kept: string[] = [];
    for (const item of block.items) {
      if (item.length + 1 > left) break;
      left -= item.length + 1;
      kept.push(item);
    }
    parts.push(formatBlock(block, kept));
  }
  return `${parts.join("\n\n")}\n`;
}

/** What a block takes without its items: title, folding, the line that counts what is left out. */
const reserveOf = ({ title, note = "" }: Block): number => title.length + note.length + 160;

function formatBlock({ title, items, isFolded, note }: Block, kept: readonly string[]): string {
  const rest = items.length - kept.length;
  const more = rest > 0 ? [`\n… and ${rest} more; \`--json\` has them all.`] : [];
  const body = [...(note === undefined ? [] : [`${note}\n`]), ...kept, ...more].join("\n");
  if (!isFolded) return `### ${title}\n\n${body}`;
  return `<details><summary>${title} (${items.length})</summary>\n\n${body}\n\n</details>`;
}

function formatVerdict(review: PlanReview): string {
  const { destructive, iam, public: open, incomplete } = countGates(review);
  const phrases = [
    ...(destructive > 0 ? [`data at risk in ${countOf(destructive, "place")}`] : []),
    ...(iam > 0 ? [`access widened, or not known yet, in ${countOf(iam, "place")}`] : []),
    ...(open > 0 ? [`opened to the internet, or not known yet, in ${countOf(open, "place")}`] : []),
    ...(incomplete > 0 ? ["this review is not complete"] : []),
  ];
  if (phrases.length > 0) return `**${phrases.join(" · ").replace(/^./, (first) => first.toUpperCase())}**`;
  return review.changes.length === 0 ? "**No changes.**" : "**No data at risk, no access widened, nothing opened.**";
}

const columns: readonly (readonly [string, readonly PlannedAction[]])[] = [
  ["create", ["create"]],
  ["change", ["update"]],
  ["replace", ["replace", "replace-after-create", "replace-and-forget"]],
  ["delete", ["delete"]],
  ["forget", ["forget"]],
];

function formatStacks(plans: readonly Plan[]): string {
  const rows = plans.slice(0, maxStackRows).map(({ stack, changes }) => {
    const counts = columns.map(
      ([, actions]) => changes.filter(({ isData, action }) => !isData && actions.includes(action)).length,
    );
    return `| ${formatStack(stack)} | ${counts.join(" | ")} |`;
  });
  const rest =
    plans.length > maxStackRows ? [`| and ${plans.length - maxStackRows} more |${" |".repeat(columns.length)}`] : [];
  const head = [`| stack | ${columns.map(([name]) => name).join(" | ")} |`, `|---|${"--:|".repeat(columns.length)}`];
  return [...head, ...rows, ...rest].join("\n");
}

function buildBlocks(review: PlanReview): readonly Block[] {
  const { losses, loweredGuards, access, exposure, costs, monthlyUsdChange, changes, drift, plans } = review;
  const told = new Set([...losses, ...loweredGuards].map(({ change }) => change));
  const isRelocated = ({ change }: (typeof changes)[number]): boolean =>
    change.previousAddress !== null || change.isImported || /forget$/.test(change.action);
  const sureFirst = [...access].sort((one, other) => rank(one.access.direction) - rank(other.access.direction));
  const openFirst = [...exposure].sort(
    (one, other) => Number(one.exposure.opened.length === 0) - Number(other.exposure.opened.length === 0),
  );
  const restOf = (actions: readonly PlannedAction[]) => changes.filter(({ change }) => actions.includes(change.action));
  return [
    { title: "Not complete", isFolded: false, items: listProblems(plans) },
    { title: "Data at risk", isFolded: false, items: [...losses.map(formatLoss), ...loweredGuards.map(formatGuards)] },
    { title: "Access", isFolded: false, items: sureFirst.map(formatAccess) },
    { title: "Open to the internet", isFolded: false, items: openFirst.map(formatExposure) },
    {
      title: `Monthly cost: ${formatUsd(monthlyUsdChange)}`,
      isFolded: false,
      ...(costs.length === 0
        ? {}
        : {
            note: `At rest, list prices of ${prices.region} as of ${prices.asOf}; requests, traffic and task hours are not in it.`,
          }),
      items: costs.map(formatCost),
    },
    {
      title: "Other deletions and replacements",
      isFolded: true,
      items: changes
        .filter(({ change }) => isDestroyed(change) && !told.has(change) && lossOf(change.type) === null)
        .map(formatChange),
    },
    { title: "Changed outside of Terraform", isFolded: true, items: drift.map(formatChange) },
    { title: "Changes in place", isFolded: true, items: restOf(["update", "other"]).map(formatChange) },
    {
      title: "Created",
      isFolded: true,
      items: restOf(["create"]).map(({ stack, change }) => formatSubject(stack, change)),
    },
    { title: "Moved, imported, forgotten", isFolded: true, items: changes.filter(isRelocated).map(formatRelocation) },
    {
      title: "Actions that run",
      isFolded: true,
      items: plans.flatMap(({ stack, invocations }) =>
        invocations.map((one) => `- ${formatCode(one)} in ${formatStack(stack)}`),
      ),
    },
    { title: "Outputs", isFolded: true, items: listOutputs(plans) },
  ];
}

const rank = (direction: string): number => ["both", "widened", "unclear", "narrowed"].indexOf(direction);

function listProblems(plans: readonly Plan[]): readonly string[] {
  return plans.flatMap(({ stack, isErrored, isIncomplete, deferred, changes }) => [
    ...(isErrored
      ? [`- ${formatStack(stack)}: planning ended with an error; what came after it is not in the plan`]
      : []),
    ...(isIncomplete ? [`- ${formatStack(stack)}: another plan is needed after this one`] : []),
    ...deferred.map(
      ({ address, reason }) =>
        `- **deferred** ${formatCode(address)} in ${formatStack(stack)}: ${formatCode(reason, 80)}`,
    ),
    ...changes
      .filter(isUnread)
      .map((change) => `${formatSubject(stack, change)}: what happens to it cannot be told; review it by hand`),
  ]);
}

const listOutputs = (plans: readonly Plan[]): readonly string[] =>
  plans.flatMap(({ stack, outputs }) =>
    outputs
      .filter(({ action }) => action !== "none")
      .map(
        ({ name, action }) =>
          `- ${formatCode(name)} in ${formatStack(stack)}: ${action === "other" ? "changed" : `${action}d`}`,
      ),
  );
