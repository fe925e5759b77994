import { metricNamespace } from "../../config/metric-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import type { WatchedStacks } from "./platform-alarms.ts";

const columnWidth = 12;
const rowHeight = 6;

/** Four pictures: jobs, queue, door, functions. */
export function buildDashboard(stack: EnvironmentStack, { jobs, api }: WatchedStacks): string {
  const { region, name } = stack.environment;
  const own = (metric: string, service: string) => [metricNamespace, metric, "environment", name, "service", service];
  const queue = (metric: string, queueName: string) => ["AWS/SQS", metric, "QueueName", queueName];
  const pictures = [
    {
      title: "Jobs",
      metrics: ["JobsQueued", "JobsSucceeded", "JobsFailed", "JobsCanceled"].map((metric) => own(metric, "events")),
    },
    {
      title: "Queue",
      metrics: [
        queue("ApproximateNumberOfMessagesVisible", jobs.queue.queue.name),
        queue("ApproximateAgeOfOldestMessage", jobs.queue.queue.name),
        queue("ApproximateNumberOfMessagesVisible", jobs.queue.deadLetters.name),
      ],
    },
    {
      title: "API",
      metrics: ["Count", "4xx", "5xx"].map((metric) => ["AWS/ApiGateway", metric, "ApiId", api.http.id]),
    },
    {
      title: "Functions that fail",
      metrics: [...jobs.functions.values(), ...api.functions].map(({ function: made }) => [
        "AWS/Lambda",
        "Errors",
        "FunctionName",
        made.functionName,
      ]),
    },
  ];
  return JSON.stringify({
    widgets: pictures.map(({ title, metrics }, index) => ({
      type: "metric",
      x: (index % 2) * columnWidth,
      y: Math.floor(index / 2) * rowHeight,
      width: columnWidth,
      height: rowHeight,
      properties: { title, region, metrics, stat: "Sum", period: 300 },
    })),
  });
}
