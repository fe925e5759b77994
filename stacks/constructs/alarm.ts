import {
  CloudwatchMetricAlarm,
  type CloudwatchMetricAlarmMetricQuery,
} from "@cdktn/provider-aws/lib/cloudwatch-metric-alarm/index.js";
import type { SnsTopic } from "@cdktn/provider-aws/lib/sns-topic/index.js";
import { metricNamespace } from "../../config/metric-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";

export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  /** `Sum`, `Average`, `Maximum`, or a percentile such as `p95`. */
  readonly statistic: string;
}

export interface AlarmProps {
  readonly id: string;
  /** What is wrong, and where to look. */
  readonly description: string;
  readonly topic: SnsTopic;
  /** One metric, or a formula over several by name. */
  readonly metric: Metric | { readonly formula: string; readonly over: Readonly<Record<string, Metric>> };
  /** It rings above this. */
  readonly above: number;
  /** @default 300 */
  readonly periodSeconds?: number;
  /** @default 1 */
  readonly periods?: number;
}

const defaultPeriodSeconds = 300;

/** What our functions count. */
export const ownMetric = (stack: EnvironmentStack, name: string, service: string): Metric => ({
  namespace: metricNamespace,
  name,
  dimensions: { environment: stack.environment.name, service },
  statistic: "Sum",
});

/** Rings to the topic, and when it is over. No data is no alarm: nothing happens in a quiet hour. */
export function createAlarm(stack: EnvironmentStack, props: AlarmProps): CloudwatchMetricAlarm {
  const period = props.periodSeconds ?? defaultPeriodSeconds;
  const { metric } = props;
  return new CloudwatchMetricAlarm(stack, `${props.id}-alarm`, {
    alarmName: stack.nameOf(props.id),
    alarmDescription: props.description,
    comparisonOperator: "GreaterThanThreshold",
    threshold: props.above,
    evaluationPeriods: props.periods ?? 1,
    treatMissingData: "notBreaching",
    alarmActions: [props.topic.arn],
    okActions: [props.topic.arn],
    ...("formula" in metric
      ? { metricQuery: buildQueries(metric.formula, metric.over, period) }
      : {
          namespace: metric.namespace,
          metricName: metric.name,
          dimensions: { ...metric.dimensions },
          period,
          ...(metric.statistic.startsWith("p")
            ? { extendedStatistic: metric.statistic }
            : { statistic: metric.statistic }),
        }),
  });
}

const buildQueries = (
  formula: string,
  over: Readonly<Record<string, Metric>>,
  period: number,
): CloudwatchMetricAlarmMetricQuery[] => [
  { id: "result", expression: formula, label: "result", returnData: true },
  ...Object.entries(over).map(([id, { namespace, name, dimensions, statistic }]) => ({
    id,
    metric: { namespace, metricName: name, dimensions: { ...dimensions }, period, stat: statistic },
  })),
];
