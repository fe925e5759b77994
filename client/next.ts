import { MixdownApiError, readProblem } from "./api-error.ts";
import { type JobPage, listOwnJobs } from "./next-list.ts";
import { buildUserTag, ownsJob, ownsKey } from "./next-ownership.ts";
import type { ErrorCode, JobRequest, PublicJob } from "./types.ts";

export interface RouteHandlerOptions {
  /** Where Mixdown lives, as the server reaches it. */
  readonly baseUrl: string;
  /** The server's key. It is added here and never reaches the browser. */
  readonly key?: string | undefined;
  /**
   * Who asks, as metadata that is written to their jobs, such as `{ userId: session.userId }`; `null` refuses (401).
   * A user sees only jobs that carry all of it, and uses only uploads that were begun under it.
   */
  readonly authorize: (
    request: Request,
  ) => Readonly<Record<string, string>> | null | Promise<Readonly<Record<string, string>> | null>;
  /** @default the global `fetch` */
  readonly fetch?: typeof fetch | undefined;
}

type Handler = (request: Request) => Promise<Response>;

/** Exports of an App Router's catch-all route: `export const { GET, POST, DELETE } = createRouteHandler({...})`. */
export interface RouteHandlers {
  readonly GET: Handler;
  readonly POST: Handler;
  /** Only for `abortUpload`. */
  readonly DELETE: Handler;
}

/** What goes through, wherever the app has its route, and no more: the rest of the API is the server's own. */
const routes: readonly (readonly [method: string, path: RegExp, kind: Route])[] = [
  ["POST", /\/v1\/uploads$/, "begin"],
  ["POST", /\/s3\/multipart$/, "begin"],
  ["GET", /\/s3\/multipart\/[^/]+(\/\d+)?$/, "part"],
  ["POST", /\/s3\/multipart\/[^/]+\/complete$/, "part"],
  ["DELETE", /\/s3\/multipart\/[^/]+$/, "part"],
  ["POST", /\/v1\/jobs$/, "submit"],
  ["POST", /\/(stitch|mix)$/, "compose"],
  ["GET", /\/v1\/jobs$/, "list"],
  ["GET", /\/v1\/jobs\/([^/]+)$/, "job"],
  ["GET", /\/v1\/jobs\/([^/]+)\/(events|outputs\/[^/]+)$/, "job"],
  ["POST", /\/v1\/jobs\/([^/]+)\/(cancel|retry)$/, "job"],
];
type Route = "begin" | "part" | "submit" | "compose" | "list" | "job";

/** Carries the browser's calls to Mixdown with the server's key, each user within their own uploads and jobs. */
export function createRouteHandler(options: RouteHandlerOptions): RouteHandlers {
  const base = options.baseUrl.replace(/\/+$/, "");
  const call = options.fetch ?? ((input, init) => globalThis.fetch(input, init));

  const forward = (path: string, init: { method: string; headers: Headers; body?: string; signal: AbortSignal }) => {
    if (options.key !== undefined) init.headers.set("authorization", `Bearer ${options.key}`);
    return call(`${base}${path}`, { ...init, redirect: "manual", cache: "no-store" }).catch(() => {
      throw refusal("platform_unreachable", 502, "Mixdown does not answer; try again later.", true);
    });
  };

  const answer = async (request: Request): Promise<Response> => {
    const { pathname, search, searchParams } = new URL(request.url);
    const found = routes.flatMap(([method, pattern, kind]) => {
      const match = method === request.method ? pattern.exec(pathname) : null;
      return match === null ? [] : [{ kind, path: match[0], jobId: match[1] }];
    })[0];
    if (found === undefined) throw refusal("usage_not_found", 404, `There is no ${request.method} ${pathname} here.`);
    if (request.headers.get("sec-fetch-site") === "cross-site") {
      throw refusal("usage_cross_site", 403, "Refused: the browser says that another site asks.");
    }
    const user = await options.authorize(request);
    if (user === null) throw refusal("auth_missing", 401, "You are not signed in.");
    const tag = await buildUserTag(options.key ?? base, user);
    const headers = copyHeaders(request.headers);
    const { signal, method } = request;
    const readJob = async (jobId: string): Promise<PublicJob | null> => {
      const got = await forward(`/v1/jobs/${jobId}`, { method: "GET", headers: new Headers(), signal });
      if (got.status === 404) return null;
      if (!got.ok) throw await readProblem(got);
      return (await got.json()) as PublicJob;
    };
    const requireJob = async (jobId: string): Promise<void> => {
      const job = await readJob(jobId);
      if (job === null || !ownsJob(user, job)) {
        throw refusal("usage_job_not_found", 404, `There is no job ${jobId.slice(0, 128)}.`);
      }
    };

    let body: string | undefined;
    if (found.kind === "begin") {
      const asked = await readJson(request);
      // The user's mark travels in the key itself: nothing has to be kept here to know it again.
      body = JSON.stringify({ ...asked, filename: `${tag}-${String(asked.filename ?? "file")}`.slice(0, 255) });
    } else if (found.kind === "submit") {
      const asked = (await readJson(request)) as unknown as JobRequest;
      for (const input of Array.isArray(asked.inputs) ? asked.inputs : []) {
        if ("jobId" in input) await requireJob(encodeURIComponent(String(input.jobId)));
        else if (!ownsKey(tag, String(input.key))) throw noUpload("input_not_found");
      }
      body = JSON.stringify({ ...asked, metadata: { ...asked.metadata, ...user } });
      // One user's keys say nothing about another's.
      const idempotencyKey = request.headers.get("idempotency-key");
      if (idempotencyKey !== null) headers.set("idempotency-key", `${tag}-${idempotencyKey}`);
    } else if (found.kind === "compose") {
      const asked = await readJson(request);
      for (const key of [asked.message_parts, asked.narration, asked.music].flat()) {
        if (key !== undefined && !ownsKey(tag, String(key))) throw noUpload("input_not_found");
      }
      body = JSON.stringify({ ...asked, metadata: { ...(asked.metadata as object), ...user } });
    } else if (found.kind === "list") {
      const page = await listOwnJobs(searchParams, user, options.key ?? base, async (query) => {
        const path = `/v1/jobs?${query}`;
        const got = await forward(path, { method: "GET", headers: new Headers(), signal });
        if (!got.ok) throw await readProblem(got);
        return (await got.json()) as JobPage;
      });
      return Response.json(page, { headers: { "cache-control": "no-store" } });
    } else if (found.kind === "part") {
      if (!ownsKey(tag, searchParams.get("key") ?? "")) throw noUpload("upload_not_found");
      if (method === "POST") body = JSON.stringify(await readJson(request));
    } else await requireJob(found.jobId ?? "");

    const response = await forward(found.path + search, {
      method,
      headers,
      signal,
      ...(body === undefined ? {} : { body }),
    });
    if (found.kind === "submit" && response.ok && search === "") return checkOwner(response, user);
    return passOn(response);
  };

  const handle: Handler = async (request) => {
    try {
      return await answer(request);
    } catch (error) {
      if (error instanceof MixdownApiError) return toResponse(error);
      throw error;
    }
  };
  return { GET: handle, POST: handle, DELETE: handle };
}

/** An id that another user's job has already must not show that job. */
async function checkOwner(response: Response, user: Readonly<Record<string, string>>): Promise<Response> {
  const job = (await response.json()) as PublicJob;
  if (ownsJob(user, job)) return Response.json(job, { status: response.status });
  throw refusal("idempotency_mismatch", 422, `The id ${job.jobId} was used before; use a new one.`);
}

function copyHeaders(given: Headers): Headers {
  const copied = new Headers({ accept: given.get("accept") ?? "application/json" });
  for (const name of ["last-event-id", "idempotency-key"]) {
    const value = given.get(name);
    if (value !== null) copied.set(name, value);
  }
  if (given.get("content-type") !== null) copied.set("content-type", "application/json");
  return copied;
}

/** The body as it comes, so that events are not collected; of the headers, what a client needs. */
function passOn(response: Response): Response {
  const headers = new Headers({ "cache-control": "no-store" });
  for (const name of ["content-type", "location", "retry-after", "x-accel-buffering"]) {
    const value = response.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  const { status } = response;
  return new Response(status === 204 || status === 304 ? null : response.body, { status, headers });
}

async function readJson(request: Request): Promise<Record<string, unknown>> {
  if (!request.headers.get("content-type")?.startsWith("application/json")) {
    throw refusal("usage_content_type", 415, "Send application/json.");
  }
  const value: unknown = await request.json().catch(() => null);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw refusal("usage_invalid", 400, "The body is not a JSON object.");
}

const refusal = (code: ErrorCode, status: number, detail: string, retryable = false): MixdownApiError =>
  new MixdownApiError({ code, status, detail, title: detail, retryable, hint: "" });

const noUpload = (code: ErrorCode): MixdownApiError => refusal(code, 404, "There is no such upload.");

function toResponse({ code, status, title, message, retryable, hint, retryAfterSeconds }: MixdownApiError): Response {
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (retryAfterSeconds !== undefined) headers.set("retry-after", String(retryAfterSeconds));
  const type = `urn:mixdown:error:${code}`;
  return new Response(JSON.stringify({ type, title, status, detail: message, code, retryable, hint }), {
    status,
    headers,
  });
}
