import type { ApiStack } from "../api.ts";
import type { JobsStack } from "../jobs.ts";
import type { NetworkStack } from "../network.ts";
import type { StorageStack } from "../storage.ts";
import { type AlarmProps, ownMetric } from "./alarm.ts";
import { computeNames } from "./compute-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";

type Alarm = Omit<AlarmProps, "topic">;

export interface WatchedStacks {
  readonly network: NetworkStack;
  readonly storage: StorageStack;
  readonly jobs: JobsStack;
  readonly api: ApiStack;
}

const gigabyte = 1024 ** 3;
/** Of what the gateway takes in an hour; beyond it a missing gateway endpoint, or a loop, is likelier than work. */
const natBytesAnHour = 20 * gigabyte;
const oldestMessageSeconds = 900;
/** A function that needs this part of its time is about to be cut off. */
const durationPart = 0.8;
const failedPart = 0.2;

const aws = (
  namespace: string,
  name: string,
  dimensions: Readonly<Record<string, string>>,
  statistic = "Sum",
): Extract<Alarm["metric"], { name: string }> => ({ namespace: `AWS/${namespace}`, name, dimensions, statistic });

/** Everything that rings, but for functions: one list, from the door to the network. */
export function listAlarms(stack: EnvironmentStack, watched: WatchedStacks): readonly Alarm[] {
  const { jobs, storage, api, network } = watched;
  const apiId = { ApiId: api.http.id };
  const table = { TableName: storage.table.name };
  const deadLetters = { QueueName: jobs.queue.deadLetters.name };
  return [
    {
      id: "api-4xx",
      description: "Half of the API's requests are refused: a client is wrong, or a key has ended",
      metric: aws("ApiGateway", "4xx", apiId, "Average"),
      above: 0.5,
      periods: 3,
    },
    { id: "api-5xx", description: "The API fails", metric: aws("ApiGateway", "5xx", apiId, "Average"), above: 0.02 },
    ...["Read", "Write"].map((what) => ({
      id: `table-${what.toLowerCase()}-throttled`,
      description: `The table refuses ${what.toLowerCase()}s for their number`,
      metric: aws("DynamoDB", `${what}ThrottleEvents`, table),
      above: 10,
    })),
    {
      id: "dead-letters",
      description: "Dead letters lie unread: look at the dead-letters function",
      metric: aws("SQS", "ApproximateNumberOfMessagesVisible", deadLetters, "Maximum"),
      above: 0,
    },
    {
      id: "dead-letters-settled",
      description: "Messages became dead letters: `mixdown redrive` lists them with their reasons",
      metric: ownMetric(stack, "DeadLettersSettled", "dead-letters"),
      above: 0,
    },
    {
      id: "undelivered",
      description: "Events were not delivered: look into the queue of that name",
      metric: aws("SQS", "ApproximateNumberOfMessagesVisible", { QueueName: jobs.undelivered.name }, "Maximum"),
      above: 0,
    },
    {
      id: "oldest-message",
      description: "A message waits too long: is the invoker called?",
      metric: aws("SQS", "ApproximateAgeOfOldestMessage", { QueueName: jobs.queue.queue.name }, "Maximum"),
      above: oldestMessageSeconds,
    },
    {
      id: "jobs-failed",
      description: "Every fifth job fails",
      metric: {
        formula: "IF(failed + succeeded > 4, failed / (failed + succeeded), 0)",
        over: {
          failed: ownMetric(stack, "JobsFailed", "events"),
          succeeded: ownMetric(stack, "JobsSucceeded", "events"),
        },
      },
      above: failedPart,
      periodSeconds: 900,
    },
    {
      id: "launches-missed",
      description: "Workers do not start in time: is there capacity, can the image be fetched?",
      metric: ownMetric(stack, "LaunchDeadlinesMissed", "reconciler"),
      above: 2,
      periodSeconds: 900,
    },
    ...network.natGateways.map((gateway, index) => ({
      id: `nat-${index}-bytes`,
      description: "Much goes through NAT, by the byte: is a gateway endpoint missing?",
      metric: aws("NATGateway", "BytesOutToDestination", { NatGatewayId: gateway.id }),
      above: natBytesAnHour,
      periodSeconds: 3_600,
    })),
  ];
}

/** Errors and duration of each function, by its name. */
export function listFunctionAlarms(stack: EnvironmentStack, { jobs, api }: WatchedStacks): readonly Alarm[] {
  const functions = [...jobs.functions.values(), ...api.functions].map(({ function: made, node, timeoutSeconds }) => ({
    id: node.id,
    name: made.functionName,
    timeoutSeconds,
  }));
  const worker = stack.environment.lambdaLane
    ? [{ id: "worker", name: computeNames(stack).workerFunction, timeoutSeconds: undefined }]
    : [];
  return [...functions, ...worker].flatMap(({ id, name, timeoutSeconds }) => [
    {
      id: `${id}-errors`,
      description: `The function ${id} fails: its log group says why`,
      metric: aws("Lambda", "Errors", { FunctionName: name }),
      above: 0,
    },
    // The worker and streams take their time; they end by themselves.
    ...(timeoutSeconds === undefined || timeoutSeconds > 60
      ? []
      : [
          {
            id: `${id}-duration`,
            description: `The function ${id} is about to be cut off at ${timeoutSeconds} s`,
            metric: aws("Lambda", "Duration", { FunctionName: name }, "p95"),
            above: durationPart * timeoutSeconds * 1_000,
          },
        ]),
  ]);
}
