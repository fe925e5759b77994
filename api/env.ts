import { z } from "@hono/zod-openapi";
import type { ApiScope } from "../core/api-ports.ts";

/** Who calls. */
export interface Caller {
  readonly owner: string;
  readonly scopes: ReadonlySet<ApiScope>;
}

export interface ApiEnv {
  Variables: { caller: Caller };
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    code: z.string(),
    retryable: z.boolean(),
    hint: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: "Problem" });

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: problemSchema } },
});

/** What every route may answer beside its own. */
export const commonResponses = {
  400: problem("The request is malformed."),
  401: problem("No credential, or one that is not accepted."),
  403: problem("The credential lacks a scope, or a page of another site asks."),
  413: problem("The body is too large."),
  415: problem("The body is not JSON."),
  422: problem("The request is well-formed, but cannot be done."),
  429: problem("Too many requests; `Retry-After` says when to come back."),
  500: problem("A fault of the platform; it was logged."),
  503: problem("No capacity for now."),
  default: problem("Any other failure, in the same shape."),
} as const;

export const notFoundResponse = { 404: problem("It does not exist, or is not the caller's.") } as const;
export const conflictResponse = { 409: problem("Its state does not allow this.") } as const;
export const goneResponse = { 410: problem("Its lifetime is over; retry the job to make it again.") } as const;
