import { isRecord } from "./shown-value.ts";

/** One action for one principal on one resource: a policy taken apart. */
export interface Grant {
  readonly effect: "Allow" | "Deny";
  /** `*`, `Service:ecs-tasks.amazonaws.com`; empty where the policy names none. */
  readonly principal: string;
  readonly action: string;
  /** Empty where the policy names none, as in trust policies. */
  readonly resource: string;
  /** Canonical JSON; empty without one. */
  readonly condition: string;
  /** The condition names who or where from, so that `*` does not mean everybody. */
  readonly isRestricted: boolean;
}

/** Products of actions, resources and principals beyond this are not compared one by one. */
export const maxGrants = 600;

/**
 * A policy document's grants; null for a text that is none. `NotAction` and its like become one entry, "all but …".
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
 */
export function parsePolicy(text: string): readonly Grant[] | null {
  const document = text.trimStart().startsWith("{") && text.includes("Statement") ? parseJson(text) : undefined;
  if (!isRecord(document) || document.Statement === undefined) return null;
  return listOf(document.Statement).flatMap((statement) => (isRecord(statement) ? readStatement(statement) : []));
}

function readStatement(statement: Readonly<Record<string, unknown>>): readonly Grant[] {
  const condition = isRecord(statement.Condition) ? canonical(statement.Condition) : "";
  const shared = {
    effect: statement.Effect === "Deny" ? ("Deny" as const) : ("Allow" as const),
    condition,
    isRestricted: isRecord(statement.Condition) && isRestricting(statement.Condition),
  };
  const actions = readElement(statement.Action, statement.NotAction);
  const resources = readElement(statement.Resource, statement.NotResource);
  const principals =
    statement.NotPrincipal === undefined
      ? readPrincipals(statement.Principal)
      : [`all but ${readPrincipals(statement.NotPrincipal).sort().join(", ")}`];
  const grants: Grant[] = [];
  for (const principal of principals)
    for (const resource of resources)
      for (const action of actions) {
        grants.push({ ...shared, principal, action, resource });
        if (grants.length > maxGrants) return grants;
      }
  return grants;
}

function readElement(element: unknown, negated: unknown): readonly string[] {
  if (negated !== undefined) return [`all but ${listOf(negated).map(textOf).sort().join(", ")}`];
  const entries = listOf(element).map(textOf);
  return entries.length === 0 ? [""] : entries;
}

function readPrincipals(principal: unknown): string[] {
  if (principal === undefined) return [""];
  if (!isRecord(principal)) return listOf(principal).map(textOf);
  return Object.entries(principal).flatMap(([kind, names]) =>
    listOf(names).map((name) => (name === "*" && kind === "AWS" ? "*" : `${kind}:${textOf(name)}`)),
  );
}

/** Keys that name who calls, for whom, or where from. */
const restrictingKey =
  /^(aws:(source(arn|account|orgid|orgpaths|vpc|vpce|vpcarn|ip)|principal(arn|account|orgid|orgpaths|tag\/.*)|vpcsourceip)|kms:calleraccount|lambda:functionurlauthtype|s3:dataaccesspointaccount|sts:externalid|saml:.*|.*:(sub|aud))$/i;
const restrictingOperator =
  /^(ForAllValues:|ForAnyValue:)?(String(Equals|EqualsIgnoreCase|Like)|Arn(Equals|Like)|IpAddress)$/i;
const everything = new Set(["*", "0.0.0.0/0", "::/0", "arn:*", "arn:aws:*", "arn:aws:*:*:*:*"]);

/** `ForAllValues` and `…IfExists` let a request without the key pass, so they restrict nothing. */
function isRestricting(condition: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(condition).some(
    ([operator, keys]) =>
      restrictingOperator.test(operator) &&
      !/^ForAllValues:/i.test(operator) &&
      isRecord(keys) &&
      Object.entries(keys).some(
        ([key, values]) =>
          restrictingKey.test(key) &&
          listOf(values).length > 0 &&
          !listOf(values)
            .map(textOf)
            .some((one) => everything.has(one)),
      ),
  );
}

/** Anyone at all may do it. Pure. */
export const isPublic = ({ effect, principal, isRestricted }: Grant): boolean =>
  effect === "Allow" && !isRestricted && (principal === "*" || principal.startsWith("all but "));

/** Everything the second allows the first allows too. Pure. */
export function covers(wide: Grant, narrow: Grant): boolean {
  return (
    wide.effect === narrow.effect &&
    (wide.condition === "" || wide.condition === narrow.condition) &&
    (wide.principal === "*" || wide.principal === narrow.principal) &&
    matches(wide.action.toLowerCase(), narrow.action.toLowerCase()) &&
    matches(wide.resource, narrow.resource)
  );
}

/** Whether a pattern with `*` and `?` takes everything that another takes. Linear in memory, never backtracks twice. */
function matches(pattern: string, text: string): boolean {
  if (pattern === text || pattern === "*") return true;
  if (pattern.startsWith("all but ") || text.startsWith("all but ")) return false;
  let [p, t, star, mark] = [0, 0, -1, 0];
  while (t < text.length) {
    if (pattern[p] === "*") {
      star = p++;
      mark = t;
    } else if (p < pattern.length && (pattern[p] === text[t] || (pattern[p] === "?" && text[t] !== "*"))) {
      p++;
      t++;
    } else if (star >= 0) {
      p = star + 1;
      t = ++mark;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

const listOf = (value: unknown): readonly unknown[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : [value];
const textOf = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""));

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** JSON with sorted keys and lists, since their order means nothing in a condition. */
function canonical(value: unknown, depth = 0): string {
  if (depth > 16) return '"…"';
  if (Array.isArray(value)) {
    const entries = value.map((entry) => canonical(entry, depth + 1)).sort();
    return entries.length === 1 ? (entries[0] ?? "") : `[${entries.join(",")}]`;
  }
  if (!isRecord(value)) return JSON.stringify(value) ?? "null";
  const entries = Object.keys(value).sort();
  return `{${entries.map((key) => `${JSON.stringify(key)}:${canonical(value[key], depth + 1)}`).join(",")}}`;
}
