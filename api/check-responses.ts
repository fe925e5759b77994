import type { OpenAPIHono } from "@hono/zod-openapi";
import { createMiddleware } from "hono/factory";
import { matchedRoutes } from "hono/route";
import type { z } from "zod";
import { describeIssues } from "../core/describe-issues.ts";
import { MixdownError } from "../core/errors.ts";
import type { ApiEnv } from "./env.ts";

type Responses = Readonly<Record<string, { content?: Readonly<Record<string, { schema?: unknown }>> } | undefined>>;

/**
 * Refuses to send what the API's own description does not promise: such a fault is ours, and better found before a
 * caller finds it.
 */
export const checkResponses = (app: OpenAPIHono<ApiEnv>) =>
  createMiddleware<ApiEnv>(async (context, next) => {
    await next();
    if (!context.res.headers.get("content-type")?.startsWith("application/json")) return;
    const path = matchedRoutes(context).at(-1)?.path;
    const schema = findPromised(app, context.req.method, path)?.[context.res.status]?.content?.["application/json"]
      ?.schema as z.ZodType | undefined;
    if (schema === undefined) return;
    const body: unknown = await context.res.clone().json();
    const parsed = schema.safeParse(body);
    if (parsed.success) return;
    throw new MixdownError("platform_internal", {
      message: `${context.req.method} ${path} answers what it does not promise: ${describeIssues(parsed.error, body)}.`,
    });
  });

function findPromised(app: OpenAPIHono<ApiEnv>, method: string, path: string | undefined): Responses | undefined {
  for (const definition of app.openAPIRegistry.definitions) {
    if (definition.type !== "route" || definition.route.method.toUpperCase() !== method) continue;
    if (definition.route.path.replace(/\{(\w+)\}/g, ":$1") === path) return definition.route.responses as Responses;
  }
  return undefined;
}
