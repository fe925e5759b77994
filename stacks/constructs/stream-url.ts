import { LambdaFunctionUrl } from "@cdktn/provider-aws/lib/lambda-function-url/index.js";
import { LambdaPermission } from "@cdktn/provider-aws/lib/lambda-permission/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import { corsHeaders } from "./http-api.ts";
import type { PlatformFunction } from "./platform-function.ts";

/**
 * A URL of the function's own, which sends as it goes: HTTP APIs buffer and end at 30 s. The function judges each
 * request itself; AWS's own check knows nothing but IAM.
 */
export function createStreamUrl(stack: EnvironmentStack, handler: PlatformFunction): LambdaFunctionUrl {
  const functionName = handler.function.functionName;
  const url = new LambdaFunctionUrl(stack, "stream-url", {
    functionName,
    authorizationType: "NONE",
    invokeMode: "RESPONSE_STREAM",
    cors: {
      allowOrigins: [...stack.environment.corsOrigins],
      allowMethods: ["GET", "POST"],
      allowHeaders: corsHeaders,
      maxAge: 3_600,
    },
  });
  // Since October 2025 a URL needs both (https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).
  new LambdaPermission(stack, "stream-url-permission", {
    functionName,
    statementId: "stream-url",
    action: "lambda:InvokeFunctionUrl",
    principal: "*",
    functionUrlAuthType: "NONE",
  });
  new LambdaPermission(stack, "stream-call-permission", {
    functionName,
    statementId: "stream-call",
    action: "lambda:InvokeFunction",
    principal: "*",
    invokedViaFunctionUrl: true,
  });
  return url;
}
