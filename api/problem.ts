import { type ErrorCode, errorTable, httpStatusOf, type MixdownError } from "../core/errors.ts";

/** RFC 9457 problem details with our code, whether trying again can help, the remedy, and where in the request. */
export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly hint: string;
  readonly errors?: readonly { readonly path: string; readonly message: string }[];
}

export const problemContentType = "application/problem+json";

export function buildProblem(error: MixdownError, errors?: ProblemDocument["errors"]): ProblemDocument {
  // What broke inside is for the log; a stranger learns nothing from it.
  const internal = error.code === "platform_internal";
  return {
    type: `urn:mixdown:error:${error.code}`,
    title: errorTable[error.code].title,
    status: httpStatusOf(error.code),
    detail: internal ? "Something went wrong inside; it was logged." : error.message,
    code: error.code,
    retryable: error.retryable,
    hint: error.hint,
    ...(errors === undefined ? {} : { errors }),
  };
}

/** A problem as a response; `Retry-After` in whole seconds where one is given. */
export function problemResponse(
  error: MixdownError,
  options: { readonly errors?: ProblemDocument["errors"]; readonly retryAfterSeconds?: number } = {},
): Response {
  const headers = new Headers({ "content-type": problemContentType });
  if (options.retryAfterSeconds !== undefined) headers.set("retry-after", String(Math.ceil(options.retryAfterSeconds)));
  return new Response(JSON.stringify(buildProblem(error, options.errors)), {
    status: httpStatusOf(error.code),
    headers,
  });
}
