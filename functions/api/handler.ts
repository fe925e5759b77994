import { handle } from "hono/aws-lambda";
import { createApi } from "../../api/app.ts";
import type { ApiDeps } from "../../api/deps.ts";
import type { Telemetry } from "../telemetry.ts";

/** The HTTP API behind an HTTP API of API Gateway (payload 2.0): the very app that a laptop serves. */
export function createHandler(deps: ApiDeps, telemetry: Telemetry) {
  const onFault = (thrown: unknown) => telemetry.fault("a request failed", thrown);
  return handle(createApi({ ...deps, settings: { ...deps.settings, onFault } }));
}
