import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { MixdownError } from "../../core/errors.ts";
import { type Job, type JobRequest, metadataSchema } from "../../core/job.ts";
import { kinds } from "../../core/kinds/index.ts";
import { limits } from "../../core/limits.ts";
import { publicJobSchema, toPublicJob } from "../../core/public-job.ts";
import { submit } from "../../core/submit.ts";
import { requireScope } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { type ApiEnv, type Caller, commonResponses, conflictResponse, notFoundResponse } from "../env.ts";
import { problemResponse } from "../problem.ts";
import { waitForJob } from "../wait-for-job.ts";

const keySchema = z.string().min(1).max(1_024);
const metadata = metadataSchema.optional().describe("The caller's strings, echoed in the job.");

const stitchBody = z
  .strictObject({
    message_parts: z.array(keySchema).min(1).max(limits.inputsPerJob).describe("Keys of the parts, in order."),
    metadata,
    ...kinds.stitch.params.shape,
  })
  .meta({ id: "StitchRequest" });

const mixBody = z
  .strictObject({
    narration: z
      .union([keySchema, z.array(keySchema).min(1).max(limits.inputsPerJob)])
      .describe("Key, or keys in order."),
    music: keySchema,
    metadata,
    ...kinds.mix.params.shape,
  })
  .meta({ id: "MixRequest" });

const composed = z
  .object({ public_url: z.url(), cached: z.boolean(), job_id: z.string() })
  .meta({ id: "Composed", description: "The result's download URL, and whether an earlier result served." });

const responses = {
  200: { description: "Done.", content: { "application/json": { schema: composed } } },
  202: {
    description: "It takes longer; the job tells how it goes on.",
    content: { "application/json": { schema: publicJobSchema.meta({ id: "Job" }) } },
  },
  ...notFoundResponse,
  ...conflictResponse,
  ...commonResponses,
};

const composeRoute = <Path extends string, Body extends z.ZodObject>(
  operationId: string,
  path: Path,
  summary: string,
  schema: Body,
) =>
  createRoute({
    operationId,
    method: "post",
    path,
    tags: ["compose"],
    summary,
    request: { body: { required: true, content: { "application/json": { schema } } } },
    responses,
  });

const stitchRoute = composeRoute(
  "stitch",
  "/stitch",
  "Stitch and wait: the result's URL when it is done within 25 s.",
  stitchBody,
);
const mixRoute = composeRoute("mix", "/mix", "Mix and wait: the result's URL when it is done within 25 s.", mixBody);

/** One call from files to a file, for callers that want no jobs. Equal calls are served from the cache. */
export function addCompose(app: OpenAPIHono<ApiEnv>, deps: ApiDeps): void {
  app.openapi(stitchRoute, async (context) => {
    const { message_parts: parts, metadata, ...params } = context.req.valid("json");
    const request: JobRequest = { kind: "stitch", inputs: parts.map((key) => ({ key })), params, metadata };
    return (await compose(deps, context.var.caller, request, context.req.raw.signal)) as never;
  });
  app.openapi(mixRoute, async (context) => {
    const { narration, music, metadata, ...params } = context.req.valid("json");
    const voices = [narration].flat().map((key) => ({ key, role: "narration" }));
    const inputs = [...voices, { key: music, role: "music" }];
    const request: JobRequest = { kind: "mix", inputs, params, metadata };
    return (await compose(deps, context.var.caller, request, context.req.raw.signal)) as never;
  });
}

async function compose(deps: ApiDeps, caller: Caller, request: JobRequest, signal: AbortSignal): Promise<Response> {
  requireScope(caller, "jobs:write");
  const { platform, settings } = deps;
  const { job } = await submit(platform, request, { owner: caller.owner });
  const patience = { patienceMs: settings.patienceMs, everyMs: settings.watchMs, signal };
  const standing = (await waitForJob(platform.jobs, job, patience)) ?? job;
  if (standing.status === "succeeded") return Response.json(await describeResult(deps, standing), { status: 200 });
  if (standing.status === "failed" && standing.error !== null)
    return problemResponse(MixdownError.fromDocument(standing.error));
  return Response.json(toPublicJob(standing), { status: 202, headers: { location: `/v1/jobs/${standing.jobId}` } });
}

async function describeResult({ transfers }: ApiDeps, job: Job): Promise<z.infer<typeof composed>> {
  const [main] = job.outputs;
  if (main === undefined) throw new Error(`job ${job.jobId} succeeded without an output`);
  const { key, name, contentType } = main;
  const { url } = await transfers.presignDownload({ key, filename: name, contentType }, limits.presignDownloadSeconds);
  return { public_url: url, cached: job.cached, job_id: job.jobId };
}
