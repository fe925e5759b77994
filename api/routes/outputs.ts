import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { jobNotFound } from "../../core/cancel.ts";
import { MixdownError } from "../../core/errors.ts";
import type { Job, JobOutput } from "../../core/job.ts";
import { jobIdSchema } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import type { Platform } from "../../core/platform.ts";
import { requireScope } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { type ApiEnv, commonResponses, conflictResponse, goneResponse, notFoundResponse } from "../env.ts";

const outputRoute = createRoute({
  operationId: "getOutput",
  method: "get",
  path: "/v1/jobs/{id}/outputs/{name}",
  tags: ["jobs"],
  summary: "A download URL for one output; with redirect=1 the way there.",
  request: {
    params: z.object({
      id: jobIdSchema,
      name: z.string().min(1).max(255),
    }),
    query: z.object({ redirect: z.enum(["1", "0"]).optional() }),
  },
  responses: {
    200: {
      description: "Where to get it, until when.",
      content: {
        "application/json": {
          schema: z.object({ url: z.url(), expiresAt: z.iso.datetime() }).meta({ id: "Download" }),
        },
      },
    },
    302: { description: "With redirect=1: `Location` is the download URL." },
    ...notFoundResponse,
    ...conflictResponse,
    ...goneResponse,
    ...commonResponses,
  },
});

export function addOutputs(app: OpenAPIHono<ApiEnv>, { platform, transfers }: ApiDeps): void {
  app.openapi(outputRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:read");
    const { id, name } = context.req.valid("param");
    const job = await platform.jobs.get({ owner: caller.owner, jobId: id });
    if (job === undefined) throw jobNotFound(id);
    const output = findOutput(job, name);
    await requireAlive(platform, job, output);
    const { key, contentType } = output;
    const { url, expiresAt } = await transfers.presignDownload(
      { key, filename: output.name, contentType },
      limits.presignDownloadSeconds,
    );
    context.header("cache-control", "no-store");
    if (context.req.valid("query").redirect === "1") return context.redirect(url, 302) as never;
    return context.json({ url, expiresAt }, 200);
  });
}

function findOutput(job: Job, name: string): JobOutput {
  const output = job.outputs.find((candidate) => candidate.name === name);
  if (output !== undefined) return output;
  const names = job.outputs.map((candidate) => candidate.name).join(", ");
  throw new MixdownError("usage_output_not_found", {
    message: `Job ${job.jobId} (${job.status}) has no output ${JSON.stringify(name)}; it has ${names === "" ? "none" : names}.`,
  });
}

/** Lifecycle rules lag behind, and run ahead of nothing: the object itself is asked for. */
async function requireAlive(platform: Platform, job: Job, output: JobOutput): Promise<void> {
  const expired = job.expiresAt !== null && Date.parse(job.expiresAt) <= platform.clock.now();
  if (!expired && (await platform.objects.head(output.key)) !== undefined) return;
  throw new MixdownError("output_expired", {
    message: `Output ${output.name} of job ${job.jobId} is gone; POST /v1/jobs/${job.jobId}/retry makes it again.`,
  });
}
