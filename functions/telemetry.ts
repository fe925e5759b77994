import { Logger } from "@aws-lambda-powertools/logger";
import { Metrics, MetricUnit } from "@aws-lambda-powertools/metrics";
import { Tracer } from "@aws-lambda-powertools/tracer";
import type { Context } from "aws-lambda";
import { type MetricName, metricDimensions, metricNamespace } from "../config/metric-names.ts";
import { MixdownError } from "../core/errors.ts";

type Fields = Readonly<Record<string, string | number | boolean | null>>;

/** What a handler tells of its work: ids, codes and counts; never a body, a key's secret, or a person's file name. */
export interface Telemetry {
  info(message: string, fields?: Fields): void;
  /** A fault that the platform will try again, or gives up on. */
  fault(message: string, thrown: unknown, fields?: Fields): void;
  count(metric: MetricName, value?: number): void;
}

/** One function's logs, counts and traces, by Powertools. */
export function createTelemetry(name: string) {
  const logger = new Logger({ serviceName: name });
  const metrics = new Metrics({
    serviceName: name,
    namespace: metricNamespace,
    defaultDimensions: metricDimensions(),
  });
  const tracer = new Tracer({ serviceName: name });
  const telemetry: Telemetry = {
    info: (message, fields = {}) => logger.info(message, fields),
    fault: (message, thrown, fields = {}) => logger.error(message, { ...fields, ...describeFault(thrown) }),
    count: (metric, value = 1) => metrics.addMetric(metric, MetricUnit.Count, value),
  };
  return { logger, metrics, tracer, telemetry };
}

/**
 * One function's handler in its wrappers: structured logs with the request's id, metrics by EMF, a trace segment.
 * @param name of the function's folder
 */
export function instrument<E, R>(
  name: string,
  build: (telemetry: Telemetry) => (event: E, context: Context) => Promise<R>,
): (event: E, context: Context) => Promise<R> {
  const { logger, metrics, tracer, telemetry } = createTelemetry(name);
  const handle = build(telemetry);
  return async (event, context) => {
    logger.addContext(context);
    metrics.captureColdStartMetric(context.functionName);
    const outer = tracer.isTracingEnabled() ? tracer.getSegment() : undefined;
    const segment = outer?.addNewSubsegment(`## ${name}`);
    if (segment !== undefined) tracer.setSegment(segment);
    tracer.annotateColdStart();
    tracer.addServiceNameAnnotation();
    try {
      return await handle(event, context);
    } catch (thrown) {
      logger.error("the invocation failed", describeFault(thrown));
      tracer.addErrorAsMetadata(thrown instanceof Error ? thrown : new Error(String(thrown)));
      throw thrown;
    } finally {
      metrics.publishStoredMetrics();
      segment?.close();
      if (outer !== undefined) tracer.setSegment(outer);
    }
  };
}

/** A user's mistake is told by its code alone: its sentence quotes what the user wrote. */
export function describeFault(thrown: unknown): Fields {
  const error = MixdownError.from(thrown);
  if (error.source === "user") return { code: error.code };
  const cause = error.cause instanceof Error ? error.cause : error;
  return { code: error.code, detail: error.message, cause: cause.name, stack: cause.stack ?? "" };
}
