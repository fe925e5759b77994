import { Apigatewayv2Api } from "@cdktn/provider-aws/lib/apigatewayv2-api/index.js";
import { Apigatewayv2Authorizer } from "@cdktn/provider-aws/lib/apigatewayv2-authorizer/index.js";
import { Apigatewayv2Integration } from "@cdktn/provider-aws/lib/apigatewayv2-integration/index.js";
import { Apigatewayv2Route } from "@cdktn/provider-aws/lib/apigatewayv2-route/index.js";
import { Apigatewayv2Stage } from "@cdktn/provider-aws/lib/apigatewayv2-stage/index.js";
import { LambdaPermission } from "@cdktn/provider-aws/lib/lambda-permission/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import { createLogGroup } from "./log-group.ts";
import type { PlatformFunction } from "./platform-function.ts";

/** A request that waits longer is cut off by the gateway. */
const integrationTimeoutMs = 30_000;
/** A page opens with many requests at once. */
const burstFactor = 2;
/** The API judges each request itself too: a revoked key ends at once, whatever is remembered here. */
const rememberedSeconds = 60;
/** What anybody may read. */
const openRoutes = ["GET /healthz", "GET /openapi.json", "GET /docs", "GET /docs/reference.js"];

export const corsMethods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
export const corsHeaders = ["authorization", "content-type", "idempotency-key", "last-event-id"];
export const exposedHeaders = ["location", "retry-after", "etag"];

/** One line of JSON a request, with what the authorizer found; never a header, a body or a query. */
const accessLogFormat = JSON.stringify({
  requestId: "$context.requestId",
  time: "$context.requestTimeEpoch",
  method: "$context.httpMethod",
  path: "$context.path",
  status: "$context.status",
  responseLength: "$context.responseLength",
  latencyMs: "$context.responseLatency",
  integrationError: "$context.integrationErrorMessage",
  sourceIp: "$context.identity.sourceIp",
  owner: "$context.authorizer.owner",
  refusal: "$context.authorizer.code",
});

/** An HTTP API in front of one function, with another that turns callers away. */
export function createHttpApi(
  stack: EnvironmentStack,
  handler: PlatformFunction,
  authorizer: PlatformFunction,
): Apigatewayv2Api {
  const { corsOrigins, apiRatePerSecond, name } = stack.environment;
  const api = new Apigatewayv2Api(stack, "http", {
    name: stack.nameOf("api"),
    protocolType: "HTTP",
    corsConfiguration: {
      allowOrigins: [...corsOrigins],
      allowMethods: corsMethods,
      allowHeaders: corsHeaders,
      exposeHeaders: exposedHeaders,
      maxAge: 3_600,
    },
  });
  const integration = new Apigatewayv2Integration(stack, "http-function", {
    apiId: api.id,
    integrationType: "AWS_PROXY",
    integrationMethod: "POST",
    integrationUri: handler.function.invokeArn,
    payloadFormatVersion: "2.0",
    timeoutMilliseconds: integrationTimeoutMs,
  });
  const gate = new Apigatewayv2Authorizer(stack, "http-authorizer", {
    apiId: api.id,
    name: stack.nameOf("authorizer"),
    authorizerType: "REQUEST",
    authorizerUri: authorizer.function.invokeArn,
    authorizerPayloadFormatVersion: "2.0",
    enableSimpleResponses: true,
    identitySources: ["$request.header.Authorization"],
    authorizerResultTtlInSeconds: rememberedSeconds,
  });
  const target = `integrations/${integration.id}`;
  const routes = [
    new Apigatewayv2Route(stack, "route-default", {
      apiId: api.id,
      routeKey: "$default",
      target,
      authorizationType: "CUSTOM",
      authorizerId: gate.id,
    }),
    ...openRoutes.map(
      (routeKey) =>
        new Apigatewayv2Route(stack, `route-${routeKey.replace(/^GET \//, "").replace(/[./]/g, "-")}`, {
          apiId: api.id,
          routeKey,
          target,
          authorizationType: "NONE",
        }),
    ),
  ];
  const logGroup = createLogGroup(stack, "access-logs", `/aws/vendedlogs/mixdown/${name}/api`);
  new Apigatewayv2Stage(stack, "http-stage", {
    apiId: api.id,
    name: "$default",
    autoDeploy: true,
    accessLogSettings: { destinationArn: logGroup.arn, format: accessLogFormat },
    defaultRouteSettings: {
      detailedMetricsEnabled: true,
      throttlingRateLimit: apiRatePerSecond,
      throttlingBurstLimit: burstFactor * apiRatePerSecond,
    },
    dependsOn: routes,
  });
  const allow = (id: string, made: PlatformFunction, sourceArn: string) =>
    new LambdaPermission(stack, id, {
      functionName: made.function.functionName,
      statementId: id,
      action: "lambda:InvokeFunction",
      principal: "apigateway.amazonaws.com",
      sourceArn,
    });
  allow("http-calls", handler, `${api.executionArn}/*/*`);
  allow("http-authorizes", authorizer, `${api.executionArn}/authorizers/${gate.id}`);
  return api;
}
