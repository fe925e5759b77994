import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { MixdownError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import type { Permission } from "../../core/permission.ts";
import type { JobQueue, QueueMessage } from "../../core/ports.ts";

/** Whoever only submits sends; the queue's own mapping receives and deletes. */
export const jobQueueSendPermissions: readonly Permission[] = [{ action: "sqs:SendMessage", resource: "queue" }];
/** A letter is put aside, then taken out of the queue. */
export const jobQueueRejectPermissions: readonly Permission[] = [
  { action: "sqs:DeleteMessage", resource: "queue" },
  { action: "sqs:SendMessage", resource: "dead-letter-queue" },
];
/** @public What an event source mapping, or a consumer by hand, does with a queue. */
export const jobQueueReceivePermissions: readonly Permission[] = (["queue", "dead-letter-queue"] as const).flatMap(
  (resource) =>
    ["ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes"].map(
      (name) => ({ action: `sqs:${name}`, resource }) as const,
    ),
);

export interface SqsJobQueueOptions {
  readonly queueUrl: string;
  /** Whoever rejects or reads dead letters needs it. */
  readonly deadLetterQueueUrl?: string | undefined;
  /** As the queue's redrive policy has it. @default limits.maxReceiveCount */
  readonly maxReceiveCount?: number;
}

/** Name of the attribute that says why a message is a dead letter. */
export const reasonAttribute = "reason";
/** Attributes count towards a message's size, and a reason may quote what came. */
const reasonLength = 1_000;
/** Tells receipts of dead letters from those of the queue. */
const deadMark = "dead-letter:";

/**
 * SQS FIFO. Deduplication is over the whole queue, so its scope must not be the message group. A batch may carry
 * several messages of one group, in order.
 */
export function createSqsJobQueue(options: SqsJobQueueOptions): JobQueue {
  const { queueUrl, maxReceiveCount = limits.maxReceiveCount } = options;
  let made: SQSClient | undefined;
  const client = (): SQSClient => {
    // A repeat that is dropped is answered with the first's checksum, which the SDK would take for damage.
    made ??= new SQSClient({ md5: false });
    return made;
  };
  const deadLetterQueueUrl = (): string => {
    if (options.deadLetterQueueUrl !== undefined) return options.deadLetterQueueUrl;
    throw new MixdownError("usage_invalid", { message: "MIXDOWN_DEAD_LETTER_QUEUE_URL is missing; set it." });
  };

  async function receiveFrom(QueueUrl: string, max: number): Promise<readonly Message[]> {
    const { Messages } = await client().send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: Math.min(10, max),
        WaitTimeSeconds: 0,
        MessageSystemAttributeNames: ["MessageGroupId", "ApproximateReceiveCount"],
        MessageAttributeNames: [reasonAttribute],
      }),
    );
    return Messages ?? [];
  }

  const placeOf = (receipt: string): { QueueUrl: string; ReceiptHandle: string } =>
    receipt.startsWith(deadMark)
      ? { QueueUrl: deadLetterQueueUrl(), ReceiptHandle: receipt.slice(deadMark.length) }
      : { QueueUrl: queueUrl, ReceiptHandle: receipt };

  const acknowledge = (receipt: string): Promise<void> =>
    ignoringStale(() => client().send(new DeleteMessageCommand(placeOf(receipt))));

  return {
    async send({ body, groupId, deduplicationId }) {
      const ids = { MessageGroupId: groupId, MessageDeduplicationId: deduplicationId };
      await client().send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: body, ...ids }));
    },

    receive: async (max) => (await receiveFrom(queueUrl, max)).map((message) => parseMessage(message, "")),

    async receiveDeadLetters(max) {
      const messages = await receiveFrom(deadLetterQueueUrl(), max);
      return messages.map((message) => ({
        ...parseMessage(message, deadMark),
        // SQS itself moves a message without a word.
        reason:
          message.MessageAttributes?.[reasonAttribute]?.StringValue ??
          `received ${maxReceiveCount} times without success`,
      }));
    },

    acknowledge,

    release: (receipt) =>
      ignoringStale(() =>
        client().send(new ChangeMessageVisibilityCommand({ ...placeOf(receipt), VisibilityTimeout: 0 })),
      ),

    async reject(message, reason) {
      await client().send(
        new SendMessageCommand({
          QueueUrl: deadLetterQueueUrl(),
          MessageBody: message.body,
          // Letters do not wait for each other; a repeat within five minutes is dropped.
          MessageGroupId: message.id,
          MessageDeduplicationId: message.id,
          MessageAttributes: { [reasonAttribute]: { DataType: "String", StringValue: printable(reason) } },
        }),
      );
      // Last: a crash in between leaves a letter too many and loses none.
      await acknowledge(message.receipt);
    },
  };
}

function parseMessage(message: Message, mark: string): QueueMessage {
  return {
    id: message.MessageId ?? "",
    body: message.Body ?? "",
    groupId: message.Attributes?.MessageGroupId ?? "",
    receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
    receipt: `${mark}${message.ReceiptHandle ?? ""}`,
  };
}

/** SQS takes the characters of XML 1.0 only. */
const printable = (text: string): string =>
  text
    .slice(0, reasonLength)
    .toWellFormed()
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd") || "no reason given";

/** A receipt whose time is over changes nothing: the message is somebody else's by now, or gone. */
async function ignoringStale(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    const stale = /^(ReceiptHandleIsInvalid|MessageNotInflight)$/.test(name);
    // FIFO queues answer so for a receipt handle that has expired.
    const expired = name === "InvalidParameterValue" && /expired|receipt/i.test((error as Error).message);
    if (!stale && !expired) throw error;
  }
}
