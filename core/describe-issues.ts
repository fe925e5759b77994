import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** One fault of a value from outside: where, and what is allowed, with what came. */
export interface DescribedIssue {
  readonly path: string;
  readonly message: string;
}

/** zod's issues in our words. `value` is what was parsed, to show what came. */
export function listIssues(error: { readonly issues: readonly Issue[] }, value?: unknown): readonly DescribedIssue[] {
  return error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    const received = issue.path.reduce<unknown>(
      (at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key],
      value,
    );
    return { path, message: `${phrase(issue)}${showReceived(issue, received)}` };
  });
}

/** The same as one sentence without its full stop. */
export const describeIssues = (error: { readonly issues: readonly Issue[] }, value?: unknown): string =>
  listIssues(error, value)
    .map(({ path, message }) => (path === "" ? message : `${path} ${message}`))
    .join("; ");

function phrase(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return issue.input === undefined && issue.message.endsWith("undefined")
        ? "is missing"
        : `must be ${article(issue.expected)}`;
    case "too_small":
      return `must ${bound(issue.origin, "at least", issue.minimum)}`;
    case "too_big":
      return `must ${bound(issue.origin, "at most", issue.maximum)}`;
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "unrecognized_keys":
      return `has what is not known here: ${issue.keys.join(", ")}`;
    default:
      return issue.message;
  }
}

function bound(origin: string, which: string, limit: number | bigint): string {
  if (origin === "string") return `have ${which} ${limit} characters`;
  if (origin === "array" || origin === "set") return `have ${which} ${limit} entries`;
  return `be ${which} ${limit}`;
}

const article = (type: string): string =>
  /^[aeio]/.test(type) ? `an ${type}` : `a ${type === "record" ? "JSON object" : type}`;

function showReceived(issue: Issue, received: unknown): string {
  if (received === undefined || issue.code === "unrecognized_keys" || typeof received === "object") return "";
  return ` (received ${JSON.stringify(received).slice(0, 80)})`;
}
