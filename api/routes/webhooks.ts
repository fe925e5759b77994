import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { MixdownError } from "../../core/errors.ts";
import {
  deliverySchema,
  type WebhookEndpoint,
  webhookEndpointSchema,
  webhookEventTypes,
} from "../../core/webhook-ports.ts";
import { createEndpoint, replay, rotateSecret } from "../../core/webhooks.ts";
import { requireScope } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { type ApiEnv, commonResponses, conflictResponse, notFoundResponse } from "../env.ts";

const endpointBody = webhookEndpointSchema
  .omit({ owner: true, secret: true, previousSecret: true })
  .meta({ id: "WebhookEndpoint" });
const secretBody = endpointBody.extend({ secret: z.string() }).meta({ id: "WebhookEndpointWithSecret" });
const deliveryBody = deliverySchema.omit({ owner: true, version: true }).meta({ id: "Delivery" });

const idParam = z.object({ id: z.string().min(1).max(64) });
const json = <S extends z.ZodType>(description: string, schema: S) => ({
  description,
  content: { "application/json": { schema } },
});
const common = { tags: ["webhooks"] };
const refusals = { ...notFoundResponse, ...conflictResponse, ...commonResponses };

const createRouteOf = createRoute({
  ...common,
  operationId: "createWebhook",
  method: "post",
  path: "/v1/webhooks",
  summary: "Be told of jobs' ends by Standard Webhooks; the signing secret is shown once.",
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z
            .strictObject({
              url: z.string().min(1).max(2_048),
              events: z
                .array(z.enum(webhookEventTypes as [string, ...string[]]))
                .max(20)
                .optional(),
            })
            .meta({ id: "WebhookRequest" }),
        },
      },
    },
  },
  responses: { 201: json("Made.", secretBody), ...commonResponses },
});
const listRoute = createRoute({
  ...common,
  operationId: "listWebhooks",
  method: "get",
  path: "/v1/webhooks",
  summary: "The caller's endpoints.",
  responses: { 200: json("All of them.", z.object({ endpoints: z.array(endpointBody) })), ...commonResponses },
});
const removeRoute = createRoute({
  ...common,
  operationId: "removeWebhook",
  method: "delete",
  path: "/v1/webhooks/{id}",
  summary: "Remove an endpoint and its deliveries.",
  request: { params: idParam },
  responses: { 204: { description: "Gone." }, ...refusals },
});
const rotateRoute = createRoute({
  ...common,
  operationId: "rotateWebhook",
  method: "post",
  path: "/v1/webhooks/{id}/rotate",
  summary: "A new secret, and a disabled endpoint enabled; the old secret signs beside it for a day.",
  request: { params: idParam },
  responses: { 200: json("The endpoint with its new secret.", secretBody), ...refusals },
});
const deliveriesRoute = createRoute({
  ...common,
  operationId: "listDeliveries",
  method: "get",
  path: "/v1/webhooks/{id}/deliveries",
  summary: "The endpoint's latest deliveries.",
  request: { params: idParam },
  responses: { 200: json("Newest first, at most 100.", z.object({ deliveries: z.array(deliveryBody) })), ...refusals },
});
const replayRoute = createRoute({
  ...common,
  operationId: "replayDelivery",
  method: "post",
  path: "/v1/webhooks/deliveries/{id}/replay",
  summary: "Send one delivery again, under its own id.",
  request: { params: idParam },
  responses: { 202: json("Due now.", deliveryBody), ...refusals },
});

const shown = ({ owner, secret, previousSecret, ...endpoint }: WebhookEndpoint) => endpoint;
const shownOnce = ({ owner, previousSecret, ...endpoint }: WebhookEndpoint) => endpoint;

export function addWebhooks(app: OpenAPIHono<ApiEnv>, { platform, webhooks, calls }: ApiDeps): void {
  const deps = { webhooks, clock: platform.clock, calls };
  const find = async (owner: string, endpointId: string): Promise<WebhookEndpoint> => {
    const endpoint = await webhooks.getEndpoint(owner, endpointId);
    if (endpoint !== undefined) return endpoint;
    throw new MixdownError("usage_not_found", { message: `There is no webhook endpoint ${endpointId}.` });
  };

  app.openapi(createRouteOf, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "webhooks:write");
    const { url, events } = context.req.valid("json");
    const endpoint = await createEndpoint(deps, caller.owner, {
      url,
      events: events as WebhookEndpoint["events"] | undefined,
    });
    return context.json(shownOnce(endpoint), 201);
  });
  app.openapi(listRoute, async (context) => {
    requireScope(context.var.caller, "webhooks:write");
    return context.json({ endpoints: (await webhooks.listEndpoints(context.var.caller.owner)).map(shown) }, 200);
  });
  app.openapi(removeRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "webhooks:write");
    const { endpointId } = await find(caller.owner, context.req.valid("param").id);
    await webhooks.removeEndpoint(caller.owner, endpointId);
    return context.body(null, 204);
  });
  app.openapi(rotateRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "webhooks:write");
    const endpoint = await find(caller.owner, context.req.valid("param").id);
    const rotated = await rotateSecret(deps, { ...endpoint, disabledAt: null, disabledReason: null });
    return context.json(shownOnce(rotated), 200);
  });
  app.openapi(deliveriesRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "webhooks:write");
    const { endpointId } = await find(caller.owner, context.req.valid("param").id);
    const deliveries = await webhooks.listDeliveries(caller.owner, endpointId, 100);
    return context.json({ deliveries: deliveries.map(({ owner, version, ...delivery }) => delivery) }, 200);
  });
  app.openapi(replayRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "webhooks:write");
    const { owner, version, ...delivery } = await replay(deps, caller.owner, context.req.valid("param").id);
    return context.json(delivery, 202);
  });
}
