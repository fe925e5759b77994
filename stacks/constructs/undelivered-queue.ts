import { SqsQueue } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import { SqsQueuePolicy } from "@cdktn/provider-aws/lib/sqs-queue-policy/index.js";
import { limits } from "../../core/limits.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import { buildQueueEncryption, buildQueuePolicy } from "./fifo-queue.ts";

/** Events that no target took, kept 14 days for a person. Rules and asynchronous calls cannot use a FIFO queue. */
export function createUndeliveredQueue(stack: EnvironmentStack, keyArn: string | undefined): SqsQueue {
  const queue = new SqsQueue(stack, "undelivered", {
    name: stack.nameOf("undelivered"),
    messageRetentionSeconds: limits.deadLetterMs / 1_000,
    ...buildQueueEncryption(keyArn),
  });
  new SqsQueuePolicy(stack, "undelivered-policy", {
    queueUrl: queue.url,
    policy: buildQueuePolicy(queue.arn, [
      {
        sid: "Rules",
        principals: { Service: "events.amazonaws.com" },
        actions: ["sqs:SendMessage"],
        resources: [queue.arn],
        conditions: { StringEquals: { "aws:SourceAccount": stack.accountId } },
      },
    ]),
  });
  return queue;
}
