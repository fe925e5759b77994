import { covers, type Grant, maxGrants } from "./policy-grants.ts";

export type Direction = "widened" | "narrowed" | "both" | "same";

export interface GrantDiff {
  readonly direction: Direction;
  /** `+ Allow s3:GetObject on …`, `- Deny …`: what stands on one side only. */
  readonly lines: readonly string[];
  /** Wildcards among what is allowed anew: `every action of s3 (s3:*)`. */
  readonly wildcards: readonly string[];
}

/** What a policy allows more and less than before; a wildcard that goes for what it covered narrows. Pure. */
export function diffGrants(before: readonly Grant[], after: readonly Grant[]): GrantDiff {
  const [old, fresh] = [byKey(before), byKey(after)];
  const added = [...fresh].filter(([key]) => !old.has(key)).map(([, grant]) => grant);
  const removed = [...old].filter(([key]) => !fresh.has(key)).map(([, grant]) => grant);
  const isLarge = before.length > maxGrants || after.length > maxGrants;
  const beyond = (grants: readonly Grant[], others: readonly Grant[]): readonly Grant[] =>
    isLarge ? grants : grants.filter((grant) => !others.some((other) => covers(other, grant)));
  const [more, less] = [beyond(added, before), beyond(removed, after)];
  const isWider = more.some(allows) || less.some(denies);
  const isNarrower = more.some(denies) || less.some(allows);
  return {
    direction: isWider ? (isNarrower ? "both" : "widened") : isNarrower ? "narrowed" : "same",
    lines: [...describeGrants("-", removed), ...describeGrants("+", added)],
    wildcards: [...new Set(more.filter(allows).flatMap(nameWildcards))],
  };
}

const allows = (grant: Grant): boolean => grant.effect === "Allow";
const denies = (grant: Grant): boolean => grant.effect === "Deny";

const byKey = (grants: readonly Grant[]): ReadonlyMap<string, Grant> =>
  new Map(
    grants.map((grant) => [
      JSON.stringify([grant.effect, grant.principal, grant.action.toLowerCase(), grant.resource, grant.condition]),
      grant,
    ]),
  );

const shownActions = 12;

/** Grants that differ in their action only are one line. */
function describeGrants(sign: string, grants: readonly Grant[]): readonly string[] {
  const groups = Map.groupBy(grants, ({ effect, principal, resource, condition }) =>
    JSON.stringify([effect, principal, resource, condition]),
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const names = group.map(({ action }) => action || "(no action)");
    const rest = names.length > shownActions ? ` and ${names.length - shownActions} more` : "";
    return [
      `${sign} ${first.effect} ${names.slice(0, shownActions).join(", ")}${rest}${first.resource === "" ? "" : ` on ${first.resource}`}${
        first.principal === "" ? "" : ` to ${first.principal}`
      }${first.condition === "" ? "" : ` if ${first.condition}`}`,
    ];
  });
}

function nameWildcards({ action, resource, principal, isRestricted }: Grant): readonly string[] {
  const service = /^([^:*]+):\*$/.exec(action)?.[1];
  return [
    ...(action === "*" || action === "*:*" ? ["every action"] : []),
    ...(service === undefined ? [] : [`every action of ${service}`]),
    ...(service === undefined && /[*?]/.test(action) && !/^\*(:\*)?$/.test(action)
      ? [`actions by pattern (${action})`]
      : []),
    ...(action.startsWith("all but ") ? ["every action but some (NotAction)"] : []),
    ...(resource === "*" || /^arn:[^:]*:[^:]*:[^:]*:[^:]*:\*+$/.test(resource) ? [`every resource (${resource})`] : []),
    ...(resource.startsWith("all but ") ? ["every resource but some (NotResource)"] : []),
    ...(principal === "*" ? [isRestricted ? "any principal that meets a condition" : "any principal"] : []),
    ...(principal.startsWith("all but ") ? ["every principal but some (NotPrincipal)"] : []),
  ];
}
