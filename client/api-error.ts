import type { ErrorCode } from "./types.ts";

/** RFC 9457 problem details as the API sends them. */
export interface Problem {
  readonly code: ErrorCode;
  readonly title: string;
  readonly detail: string;
  /** HTTP status; 0 where no answer came. */
  readonly status: number;
  readonly retryable: boolean;
  readonly hint: string;
  /** Where in the request, for validation. */
  readonly errors?: readonly { readonly path: string; readonly message: string }[] | undefined;
}

/** What every failed call throws; `code` is of a closed list, so that a `switch` can be checked. */
export class MixdownApiError extends Error {
  override readonly name = "MixdownApiError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly title: string;
  readonly retryable: boolean;
  readonly hint: string;
  readonly errors: NonNullable<Problem["errors"]>;
  /** The server's `Retry-After`, seconds. */
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: Problem, options: { readonly retryAfterSeconds?: number | undefined; cause?: unknown } = {}) {
    super(problem.detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = problem.code;
    this.status = problem.status;
    this.title = problem.title;
    this.retryable = problem.retryable;
    this.hint = problem.hint;
    this.errors = problem.errors ?? [];
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** No answer at all: refused, cut off, or not a Mixdown server. */
export const unreachable = (url: string, cause: unknown): MixdownApiError =>
  new MixdownApiError(
    {
      code: "platform_unreachable",
      title: "Not reachable",
      detail: `${url} does not answer: ${cause instanceof Error ? cause.message : String(cause)}.`,
      status: 0,
      retryable: true,
      hint: "Start the platform or check the address.",
    },
    { cause },
  );

/** The error that a failed response stands for, whether or not its body is a problem document. */
export async function readProblem(response: Response): Promise<MixdownApiError> {
  const seconds = Number(response.headers.get("retry-after") ?? "");
  const retryAfterSeconds = seconds > 0 ? seconds : undefined;
  const text = await response.text().catch(() => "");
  const document = parseObject(text);
  if (typeof document?.code === "string" && typeof document.detail === "string") {
    return new MixdownApiError({ ...(document as unknown as Problem), status: response.status }, { retryAfterSeconds });
  }
  const { status } = response;
  // A proxy or a bucket answered, not the API: only the status says something.
  const retryable = status === 408 || status === 429 || status >= 500;
  return new MixdownApiError(
    {
      code: codeOfStatus(status),
      title: response.statusText || `HTTP ${status}`,
      detail: `The server answered ${status} without a problem document: ${text.slice(0, 200) || "(empty)"}`,
      status,
      retryable,
      hint: retryable ? "Try again later." : "Check the address and the request.",
    },
    { retryAfterSeconds },
  );
}

function codeOfStatus(status: number): ErrorCode {
  if (status === 401) return "auth_invalid";
  if (status === 403) return "auth_forbidden";
  if (status === 404) return "usage_not_found";
  if (status === 413) return "limit_body";
  if (status === 429) return "limit_rate";
  if (status >= 502 && status <= 504) return "platform_unreachable";
  return status >= 500 ? "platform_internal" : "usage_invalid";
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
