import { SqsQueue, type SqsQueueConfig } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import { SqsQueuePolicy } from "@cdktn/provider-aws/lib/sqs-queue-policy/index.js";
import { SqsQueueRedriveAllowPolicy } from "@cdktn/provider-aws/lib/sqs-queue-redrive-allow-policy/index.js";
import { Construct } from "constructs";
import { limits } from "../../core/limits.ts";
import { buildPolicy, type PolicyStatement } from "./policy-document.ts";

const deadLetterSeconds = limits.deadLetterMs / 1_000;
/** A consumer's timeout, times this, is the shortest visibility that AWS advises for a batch with retries. */
export const visibilityFactor = 6;

export interface FifoQueueProps {
  /** Without `.fifo`. */
  readonly name: string;
  readonly keyArn: string | undefined;
  readonly consumerTimeoutSeconds: number;
}

/** Encryption at rest: the environment's key, else the service's own. */
export const buildQueueEncryption = (
  keyArn: string | undefined,
): Pick<SqsQueueConfig, "kmsMasterKeyId" | "sqsManagedSseEnabled" | "kmsDataKeyReusePeriodSeconds"> =>
  keyArn === undefined ? { sqsManagedSseEnabled: true } : { kmsMasterKeyId: keyArn, kmsDataKeyReusePeriodSeconds: 300 };

/** Nobody speaks to a queue in the clear. */
export const buildQueuePolicy = (queueArn: string, more: readonly PolicyStatement[] = []): string =>
  buildPolicy([
    {
      sid: "TlsOnly",
      effect: "Deny",
      principals: "*",
      actions: ["sqs:*"],
      resources: [queueArn],
      conditions: { Bool: { "aws:SecureTransport": "false" } },
    },
    ...more,
  ]);

/** A queue in order by group, and the queue of what could not be processed. */
export class FifoQueue extends Construct {
  readonly queue: SqsQueue;
  readonly deadLetters: SqsQueue;

  constructor(scope: Construct, id: string, props: FifoQueueProps) {
    super(scope, id);
    const common = {
      fifoQueue: true,
      contentBasedDeduplication: false,
      // Each group of its own: the job's, so that jobs do not wait for one another.
      deduplicationScope: "messageGroup",
      fifoThroughputLimit: "perMessageGroupId",
      visibilityTimeoutSeconds: visibilityFactor * props.consumerTimeoutSeconds,
      ...buildQueueEncryption(props.keyArn),
    };
    this.deadLetters = new SqsQueue(this, "dead-letters", {
      name: `${props.name}-dead-letters.fifo`,
      messageRetentionSeconds: deadLetterSeconds,
      ...common,
    });
    this.queue = new SqsQueue(this, "fifo", {
      name: `${props.name}.fifo`,
      redrivePolicy: JSON.stringify({
        deadLetterTargetArn: this.deadLetters.arn,
        maxReceiveCount: limits.maxReceiveCount,
      }),
      messageRetentionSeconds: deadLetterSeconds,
      ...common,
    });
    new SqsQueueRedriveAllowPolicy(this, "redrive-allow", {
      queueUrl: this.deadLetters.url,
      redriveAllowPolicy: JSON.stringify({ redrivePermission: "byQueue", sourceQueueArns: [this.queue.arn] }),
    });
    for (const [name, queue] of [["queue", this.queue] as const, ["dead-letters", this.deadLetters] as const]) {
      new SqsQueuePolicy(this, `${name}-policy`, { queueUrl: queue.url, policy: buildQueuePolicy(queue.arn) });
    }
  }
}
