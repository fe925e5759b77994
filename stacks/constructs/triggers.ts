import type { DynamodbTable } from "@cdktn/provider-aws/lib/dynamodb-table/index.js";
import { LambdaEventSourceMapping } from "@cdktn/provider-aws/lib/lambda-event-source-mapping/index.js";
import type { SqsQueue } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import { outboxFilter } from "../../config/table-shape.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import type { PlatformFunction } from "./platform-function.ts";
import type { PolicyStatement } from "./policy-document.ts";

/** What Lambda does to a queue in a function's name. */
export const readQueue = (queueArn: string): PolicyStatement => ({
  sid: "ReadQueue",
  actions: ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
  resources: [queueArn],
});

export const readStream = (table: DynamodbTable): PolicyStatement => ({
  sid: "ReadStream",
  actions: ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
  resources: [table.streamArn],
});

/** Where Lambda puts what an asynchronous call or a stream could not do. */
export const sendTo = (queueArn: string): PolicyStatement => ({
  sid: "Undelivered",
  actions: ["sqs:SendMessage"],
  resources: [queueArn],
});

const batchSize = 10;
/** A stream keeps its records for a day. */
const streamSeconds = 86_400;

/** Messages to a function, at the most ten at once; those that fail come back alone. */
export function createQueueMapping(
  stack: EnvironmentStack,
  id: string,
  props: {
    readonly queue: SqsQueue;
    readonly target: PlatformFunction;
    readonly maximumConcurrency: number;
    readonly enabled: boolean;
  },
): void {
  new LambdaEventSourceMapping(stack, id, {
    eventSourceArn: props.queue.arn,
    functionName: props.target.function.arn,
    batchSize,
    enabled: props.enabled,
    functionResponseTypes: ["ReportBatchItemFailures"],
    scalingConfig: { maximumConcurrency: props.maximumConcurrency },
  });
}

/** New events of the table's outbox, in order by item; what cannot be put on the bus within a day is kept. */
export function createStreamMapping(
  stack: EnvironmentStack,
  id: string,
  props: { readonly table: DynamodbTable; readonly target: PlatformFunction; readonly undelivered: SqsQueue },
): void {
  new LambdaEventSourceMapping(stack, id, {
    eventSourceArn: props.table.streamArn,
    functionName: props.target.function.arn,
    // What was written while the mapping was made is not left out.
    startingPosition: "TRIM_HORIZON",
    batchSize: 100,
    functionResponseTypes: ["ReportBatchItemFailures"],
    bisectBatchOnFunctionError: true,
    maximumRetryAttempts: 1_000,
    maximumRecordAgeInSeconds: streamSeconds,
    filterCriteria: { filter: [{ pattern: JSON.stringify(outboxFilter) }] },
    destinationConfig: { onFailure: { destinationArn: props.undelivered.arn } },
  });
}
