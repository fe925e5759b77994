import { countOf, flattenText, formatCode, formatDiff, formatUsd } from "./markdown-text.ts";
import type { PlannedAction, ResourceChange } from "./plan.ts";
import type { AccessFinding, CostChange, ExposureFinding, Loss, LoweredGuards } from "./review.ts";
import { describeValue, unknown } from "./shown-value.ts";

const verbs: Readonly<Record<PlannedAction, string>> = {
  none: "unchanged",
  create: "created",
  read: "read",
  update: "changed",
  delete: "deleted",
  replace: "replaced",
  "replace-after-create": "replaced, the new one first",
  forget: "forgotten, not deleted",
  "replace-and-forget": "made anew, the old one forgotten",
  other: "an action that is not known here",
};

/** Terraform's `action_reason` in words. */
const reasons: Readonly<Record<string, string>> = {
  replace_because_tainted: "it is tainted",
  replace_by_request: "`-replace` asks for it",
  replace_by_triggers: "`replace_triggered_by` asks for it",
  replace_because_cannot_update: "it cannot be changed in place",
  delete_because_no_resource_config: "it is no longer in the configuration",
  delete_because_no_module: "its module is no longer in the configuration",
  delete_because_wrong_repetition: "`count` or `for_each` came or went",
  delete_because_count_index: "`count` is smaller",
  delete_because_each_key: "its key is no longer in `for_each`",
  delete_because_no_move_target: "its `moved` target is not in the configuration",
};

/** `**replaced** ADDRESS (stack)`: what each item begins with. */
export function formatSubject(stack: string, change: ResourceChange, verb = verbs[change.action]): string {
  const deposed = change.isDeposed ? ", a left-over of an earlier replacement" : "";
  return `- **${verb}** ${formatCode(change.address)} in ${formatStack(stack)}${deposed}`;
}

/** Stack names come from file names; in a table and a code span nothing of them is live. */
export const formatStack = (stack: string): string => `\`${stack.replaceAll(/[^\w.-]/g, "_").slice(0, 60) || "plan"}\``;

export function formatCause({ replacePaths, reason }: ResourceChange): string {
  if (replacePaths.length > 0) {
    const rest = replacePaths.length > 5 ? ` and ${replacePaths.length - 5} more` : "";
    return `; ${replacePaths
      .slice(0, 5)
      .map((path) => formatCode(path, 80))
      .join(", ")}${rest} cannot change in place`;
  }
  const known = reason !== null && Object.hasOwn(reasons, reason) ? reasons[reason] : undefined;
  return known === undefined ? (reason === null ? "" : `; ${formatCode(reason, 80)}`) : `; ${known}`;
}

export const formatLoss = ({ stack, change, loss }: Loss): string =>
  `${formatSubject(stack, change)}: ${loss} ${change.action === "delete" ? "would be lost" : "would be lost unless copied before"}${formatCause(change)}`;

export const formatGuards = ({ stack, change, guards }: LoweredGuards): string =>
  `${formatSubject(stack, change, "less protected")}: ${guards
    .slice(0, 8)
    .map(({ what, before, after }) => `${formatCode(what, 100)} ${formatValue(before)} → ${formatValue(after)}`)
    .join(", ")}`;

const directionWords = {
  widened: "widened",
  narrowed: "narrowed",
  both: "widened and narrowed",
  unclear: "not known yet",
};

export function formatAccess({ stack, change, access }: AccessFinding): string {
  const { direction, attribute, lines, wildcards } = access;
  const named = wildcards
    .slice(0, 8)
    .map((one) => formatCode(one, 120))
    .join(", ");
  return `${formatSubject(stack, change, directionWords[direction])}, ${formatCode(attribute, 80)}${
    wildcards.length === 0 ? "" : `; wildcards: ${named}`
  }\n${formatDiff(lines)}`;
}

export function formatExposure({ stack, change, exposure }: ExposureFinding): string {
  const list = (verb: string, entries: readonly string[]): readonly string[] =>
    entries.length === 0
      ? []
      : [
          `${verb} ${entries
            .slice(0, 10)
            .map((one) => formatCode(one))
            .join(", ")}${entries.length > 10 ? ` and ${entries.length - 10} more` : ""}`,
        ];
  const { opened, closed, unclear } = exposure;
  const verb = opened.length > 0 ? "opened" : unclear.length > 0 ? "not known yet" : "closed";
  return `${formatSubject(stack, change, verb)}: ${[...list("opens", opened), ...list("perhaps opens", unclear), ...list("closes", closed)].join("; ")}`;
}

export function formatCost({ stack, change, beforeUsd, afterUsd }: CostChange): string {
  const difference = beforeUsd === null || afterUsd === null ? "no price known here" : formatUsd(afterUsd - beforeUsd);
  return `${formatSubject(stack, change)}: ${difference}`;
}

const maxAttributes = 12;

/** A change in place with what it changes. */
export function formatChange({ stack, change }: { readonly stack: string; readonly change: ResourceChange }): string {
  // A replacement makes new ids and the like; what was known before and is not yet known again says nothing.
  const told = change.attributes.filter(
    ({ path, after }) =>
      change.before !== null &&
      change.after !== null &&
      (change.action === "update" || after !== unknown || change.replacePaths.includes(path)),
  );
  const lines = told
    .slice(0, maxAttributes)
    .map(({ path, before, after }) => `  - ${formatCode(path, 100)}: ${formatValue(before)} → ${formatValue(after)}`);
  const rest = told.length > maxAttributes ? [`  - and ${countOf(told.length - maxAttributes, "more attribute")}`] : [];
  const cause = change.action === "update" || change.action === "create" ? "" : formatCause(change);
  return [`${formatSubject(stack, change)}${cause}`, ...lines, ...rest].join("\n");
}

/** Moved and imported ones, which nothing else may happen to. */
export function formatRelocation({
  stack,
  change,
}: {
  readonly stack: string;
  readonly change: ResourceChange;
}): string {
  const { previousAddress, isImported, action } = change;
  if (action === "forget" || action === "replace-and-forget") return formatSubject(stack, change);
  const words = [...(previousAddress === null ? [] : ["moved"]), ...(isImported ? ["imported"] : [])].join(" and ");
  return `${formatSubject(stack, change, words)}${previousAddress === null ? "" : ` from ${formatCode(previousAddress)}`}`;
}

const formatValue = (value: Parameters<typeof describeValue>[0]): string =>
  formatCode(flattenText(describeValue(value), 120), 120);
