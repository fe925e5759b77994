import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { settleDeadLetter } from "../../core/handle-message.ts";
import type { Platform } from "../../core/platform.ts";
import { handleFifoBatch } from "../fifo-batch.ts";
import type { Telemetry } from "../telemetry.ts";

/** SQS moves a message that failed too often without a word; ours carry their reason. */
const unspoken = "received too often without success";

/** The dead-letter queue's consumer: keeps body and reason for a person, and ends the job that the message was for. */
export const createHandler =
  (platform: Omit<Platform, "launcher">, telemetry: Telemetry) =>
  (event: SQSEvent): Promise<SQSBatchResponse> =>
    handleFifoBatch(
      event,
      async (message, record) => {
        const reason = record.messageAttributes.reason?.stringValue ?? unspoken;
        await settleDeadLetter(platform, { id: message.id, body: message.body, reason });
        telemetry.info("dead letter settled", {
          messageId: message.id,
          code: /^[a-z_]+(?=:)/.exec(reason)?.[0] ?? null,
        });
        telemetry.count("DeadLettersSettled");
      },
      (thrown, message) => telemetry.fault("dead letter not settled", thrown, { messageId: message.id }),
    );
