import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { cors } from "hono/cors";
import { describeIssues, listIssues } from "../core/describe-issues.ts";
import { MixdownError } from "../core/errors.ts";
import { limits } from "../core/limits.ts";
import { mixdownVersion } from "../core/version.ts";
import { authenticate } from "./authenticate.ts";
import { checkResponses } from "./check-responses.ts";
import type { ApiDeps, StreamDeps } from "./deps.ts";
import type { ApiEnv } from "./env.ts";
import { guardLoopback } from "./loopback-guard.ts";
import { problemResponse } from "./problem.ts";
import { limitRate } from "./rate-limit.ts";
import { addCompose } from "./routes/compose.ts";
import { addDocs } from "./routes/docs.ts";
import { addEvents } from "./routes/events.ts";
import { addJobs } from "./routes/jobs.ts";
import { addMultipart } from "./routes/multipart.ts";
import { addOutputs } from "./routes/outputs.ts";
import { addUploads } from "./routes/uploads.ts";
import { addWebhooks } from "./routes/webhooks.ts";

/**
 * The HTTP API as one function from Request to Response: served by Node on a laptop and by Lambda on AWS.
 * Every failure is a problem document from the closed error table.
 */
export function createApi(deps: ApiDeps): OpenAPIHono<ApiEnv> {
  const app = createDoor(deps);
  addDocs(app, deps);
  addGates(app, deps);
  addJobs(app, deps);
  addEvents(app, deps);
  addOutputs(app, deps);
  addUploads(app, deps);
  addMultipart(app, deps);
  addCompose(app, deps);
  addWebhooks(app, deps);
  return app;
}

/** The part of the API that streams, where it is served apart: HTTP APIs on AWS collect a response and end at 30 s. */
export function createStreamApi(deps: StreamDeps): OpenAPIHono<ApiEnv> {
  const app = createDoor(deps);
  addGates(app, deps);
  addEvents(app, deps);
  return app;
}

/** An app that answers every failure in one shape, and says that it is there. */
function createDoor(deps: StreamDeps): OpenAPIHono<ApiEnv> {
  const app = new OpenAPIHono<ApiEnv>({
    defaultHook: async (result, context) => {
      if (result.success) return;
      const given = result.target === "json" ? await context.req.json().catch(() => undefined) : context.req.query();
      const errors = listIssues(result.error, given);
      const message = `${describeIssues(result.error, given)}.`;
      return problemResponse(new MixdownError("usage_invalid", { message }), { errors });
    },
  });
  app.onError((thrown) => {
    const error = fromThrown(thrown);
    if (error.code === "platform_internal") deps.settings.onFault?.(thrown);
    return problemResponse(error);
  });
  app.notFound((context) =>
    problemResponse(
      new MixdownError("usage_not_found", { message: `There is no ${context.req.method} ${context.req.path} here.` }),
    ),
  );
  app.get("/healthz", (context) => context.json({ status: "ok", version: mixdownVersion }));
  return app;
}

/** What a request has to pass before its route. */
function addGates(app: OpenAPIHono<ApiEnv>, deps: StreamDeps): void {
  if (deps.settings.checkResponses === true) app.use("*", checkResponses(app));
  if (deps.settings.corsOrigins.length > 0) app.use("*", corsOf(deps));
  if (deps.settings.access === "loopback") app.use("*", guardLoopback(deps.settings.corsOrigins));
  app.use("*", limitBody);
  app.use("*", authenticate(deps));
  app.use("*", limitRate(deps));
}

const corsOf = (deps: StreamDeps) =>
  cors({
    origin: [...deps.settings.corsOrigins],
    allowMethods: ["GET", "POST", "PUT", "DELETE"],
    allowHeaders: ["authorization", "content-type", "idempotency-key", "last-event-id"],
    exposeHeaders: ["etag", "retry-after", "location"],
    maxAge: 600,
  });

const limitBody = bodyLimit({
  maxSize: limits.requestBodyBytes,
  onError: () =>
    problemResponse(
      new MixdownError("limit_body", {
        message: `The request's body is larger than ${limits.requestBodyBytes} bytes; files go by upload URL.`,
      }),
    ),
});

/** Hono throws its own errors for malformed JSON and the like; they carry a status and no code of ours. */
function fromThrown(thrown: unknown): MixdownError {
  const status = (thrown as { status?: unknown } | null)?.status;
  if (typeof status === "number" && status >= 400 && status < 500 && !(thrown instanceof MixdownError)) {
    return new MixdownError("usage_invalid", { message: `${(thrown as Error).message}.`, cause: thrown });
  }
  return MixdownError.from(thrown);
}
