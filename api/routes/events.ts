import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { streamSSE } from "hono/streaming";
import { jobNotFound } from "../../core/cancel.ts";
import { isTerminal, type Job } from "../../core/job.ts";
import { toPublicJob } from "../../core/public-job.ts";
import { requireScope } from "../authenticate.ts";
import type { StreamDeps } from "../deps.ts";
import { type ApiEnv, commonResponses, notFoundResponse } from "../env.ts";
import { eventIdOf, JobWatcher } from "../job-watcher.ts";
import { jobIdParam } from "./jobs.ts";

/** Proxies close what is silent; comments keep a stream open. */
const heartbeatMs = 15_000;
/** A stream ends before the 15 minutes of a function are over, and goes on by Last-Event-ID. */
const longestStreamMs = 14 * 60_000;

const eventsRoute = createRoute({
  operationId: "watchJob",
  method: "get",
  path: "/v1/jobs/{id}/events",
  tags: ["jobs"],
  summary: "The job's states as server-sent events, until its end; polling the job gives the same.",
  request: { params: jobIdParam, headers: z.object({ "last-event-id": z.string().max(128).optional() }) },
  responses: {
    200: {
      description: "Events `job`, each with the whole job; the last one is terminal.",
      content: { "text/event-stream": { schema: z.string() } },
    },
    204: { description: "The terminal state was already received: stop asking." },
    ...notFoundResponse,
    ...commonResponses,
  },
});

export function addEvents(app: OpenAPIHono<ApiEnv>, { platform, settings }: StreamDeps): void {
  const watcher = new JobWatcher(platform.jobs, settings.watchMs);
  app.openapi(eventsRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "jobs:read");
    const { id } = context.req.valid("param");
    const ref = { owner: caller.owner, jobId: id };
    const job = await platform.jobs.get(ref);
    if (job === undefined) throw jobNotFound(id);
    const received = context.req.valid("header")["last-event-id"];
    // A browser's EventSource comes back by itself after each end; this tells it to stop.
    if (isTerminal(job.status) && received === eventIdOf(job)) return context.body(null, 204);
    // Proxies that would collect a stream are told not to.
    context.header("cache-control", "no-store");
    context.header("x-accel-buffering", "no");
    return streamSSE(context, async (stream) => {
      let told = received;
      let writing: Promise<unknown> = Promise.resolve();
      const { promise: over, resolve: end } = Promise.withResolvers<void>();
      const tell = (state: Job) => {
        if (eventIdOf(state) === told) return;
        told = eventIdOf(state);
        const data = JSON.stringify(toPublicJob(state));
        writing = writing.then(() => stream.writeSSE({ event: "job", id: eventIdOf(state), data }));
        if (isTerminal(state.status) || settings.buffered === true) end();
      };
      const unwatch = watcher.watch(ref, tell);
      const heartbeat = setInterval(() => {
        writing = writing.then(() => stream.write(": heartbeat\n\n"));
      }, heartbeatMs);
      const limit = setTimeout(end, settings.buffered === true ? settings.patienceMs : longestStreamMs);
      stream.onAbort(end);
      await over;
      clearInterval(heartbeat);
      clearTimeout(limit);
      unwatch();
      await writing;
    }) as never;
  });
}
