import type { z } from "zod";
import { describeIssues } from "../core/describe-issues.ts";
import { MixdownError } from "../core/errors.ts";

/** Reads variables by a schema. @throws MixdownError `usage_invalid` naming variable, value and what is allowed */
export function parseEnv<S extends z.ZodType>(shape: S, env: NodeJS.ProcessEnv): z.output<S> {
  // An empty variable is how shells and containers say "not set".
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = shape.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new MixdownError("usage_invalid", { message: `${describeIssues(parsed.error, given)}; correct or unset it.` });
}
