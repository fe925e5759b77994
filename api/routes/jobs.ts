import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { cancel, jobNotFound } from "../../core/cancel.ts";
import { estimate, estimateSchema } from "../../core/estimate.ts";
import { jobIdSchema, jobRequestSchema, statusSchema } from "../../core/job.ts";
import { kindNames } from "../../core/kinds/index.ts";
import { limits } from "../../core/limits.ts";
import { publicJobSchema, toPublicJob } from "../../core/public-job.ts";
import { retry } from "../../core/retry.ts";
import { submit } from "../../core/submit.ts";
import { requireScope } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { type ApiEnv, commonResponses, conflictResponse, notFoundResponse } from "../env.ts";

const jobRequestBody = jobRequestSchema.meta({
  id: "JobRequest",
  example: { kind: "clean", inputs: [{ key: "talk.wav" }], params: { loudnessLufs: -16 } },
});
const jobBody = publicJobSchema.meta({ id: "Job" });
const job = (description: string) => ({ description, content: { "application/json": { schema: jobBody } } });
export const jobIdParam = z.object({ id: jobIdSchema });

const followedBy = (operationId: string) => ({ operationId, parameters: { id: "$response.body#/jobId" } });
/** What a caller can do with a job that was just accepted. */
const jobLinks = {
  get: followedBy("getJob"),
  watch: followedBy("watchJob"),
  cancel: followedBy("cancelJob"),
  retry: followedBy("retryJob"),
};

const submitRoute = createRoute({
  operationId: "submitJob",
  method: "post",
  path: "/v1/jobs",
  tags: ["jobs"],
  summary: "Submit a job; the same id or Idempotency-Key again returns the first one.",
  request: {
    headers: z.object({ "idempotency-key": z.string().min(1).max(255).optional() }),
    query: z.object({ dryRun: z.enum(["true", "false"]).optional() }),
    body: { required: true, content: { "application/json": { schema: jobRequestBody } } },
  },
  responses: {
    202: { ...job("Accepted: it will end."), links: jobLinks },
    200: {
      description: "With dryRun=true: what the job would take, and nothing done.",
      content: { "application/json": { schema: estimateSchema.meta({ id: "Estimate" }) } },
    },
    ...notFoundResponse,
    ...commonResponses,
  },
});

const listRoute = createRoute({
  operationId: "listJobs",
  method: "get",
  path: "/v1/jobs",
  tags: ["jobs"],
  summary: "The caller's jobs, newest first.",
  request: {
    query: z.object({
      status: statusSchema.optional(),
      kind: z.enum(kindNames).optional(),
      cursor: z.string().min(1).max(1_024).optional(),
      limit: z.coerce.number().int().min(1).max(limits.listPageSize.max).optional(),
    }),
  },
  responses: {
    200: {
      description: "One page; `next` is the cursor of the following one.",
      content: { "application/json": { schema: z.object({ jobs: z.array(jobBody), next: z.string().nullable() }) } },
    },
    ...commonResponses,
  },
});

const oneJob = { tags: ["jobs"], request: { params: jobIdParam } };
const refusals = { ...notFoundResponse, ...conflictResponse, ...commonResponses };

const getRoute = createRoute({
  ...oneJob,
  operationId: "getJob",
  method: "get",
  path: "/v1/jobs/{id}",
  summary: "One job; `waitsFor` says why it waits.",
  responses: { 200: job("The job."), ...notFoundResponse, ...commonResponses },
});
const cancelRoute = createRoute({
  ...oneJob,
  operationId: "cancelJob",
  method: "post",
  path: "/v1/jobs/{id}/cancel",
  summary: "Cancel a job.",
  responses: { 202: job("Canceled, or asked to stop."), ...refusals },
});
const retryRoute = createRoute({
  ...oneJob,
  operationId: "retryJob",
  method: "post",
  path: "/v1/jobs/{id}/retry",
  summary: "Run a failed, canceled or expired job again.",
  responses: { 202: job("Queued again."), ...refusals },
});

export function addJobs(app: OpenAPIHono<ApiEnv>, { platform }: ApiDeps): void {
  app.openapi(submitRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:write");
    const body = context.req.valid("json");
    if (context.req.valid("query").dryRun === "true") {
      return context.json(await estimate(platform, body, caller.owner), 200);
    }
    const idempotencyKey = context.req.valid("header")["idempotency-key"];
    const accepted = await submit(platform, body, { owner: caller.owner, idempotencyKey });
    context.header("location", `/v1/jobs/${accepted.job.jobId}`);
    return context.json(toPublicJob(accepted.job), 202);
  });

  app.openapi(listRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:read");
    const { limit = limits.listPageSize.default, ...query } = context.req.valid("query");
    const page = await platform.jobs.list(caller.owner, { ...query, limit });
    return context.json({ jobs: page.jobs.map(toPublicJob), next: page.next }, 200);
  });

  app.openapi(getRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:read");
    const { id } = context.req.valid("param");
    const found = await platform.jobs.get({ owner: caller.owner, jobId: id });
    if (found === undefined) throw jobNotFound(id);
    return context.json(toPublicJob(found), 200);
  });

  app.openapi(cancelRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:write");
    const { id } = context.req.valid("param");
    return context.json(toPublicJob(await cancel(platform, { owner: caller.owner, jobId: id })), 202);
  });

  app.openapi(retryRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:write");
    const { id } = context.req.valid("param");
    return context.json(toPublicJob(await retry(platform, { owner: caller.owner, jobId: id })), 202);
  });
}
