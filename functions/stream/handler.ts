import { streamHandle } from "hono/aws-lambda";
import { createStreamApi } from "../../api/app.ts";
import type { StreamDeps } from "../../api/deps.ts";
import type { Telemetry } from "../telemetry.ts";

/**
 * What streams, behind a function URL of its own in mode RESPONSE_STREAM. A stream ends by itself before the
 * function's 15 minutes are over, and the reader goes on by Last-Event-ID.
 */
export function createHandler(deps: StreamDeps, telemetry: Telemetry) {
  const onFault = (thrown: unknown) => telemetry.fault("a request failed", thrown);
  return streamHandle(createStreamApi({ ...deps, settings: { ...deps.settings, onFault } }));
}
