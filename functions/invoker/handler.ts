import type { SQSBatchResponse, SQSEvent } from "aws-lambda";
import { handleMessage } from "../../core/handle-message.ts";
import type { Platform } from "../../core/platform.ts";
import { handleFifoBatch } from "../fifo-batch.ts";
import type { Telemetry } from "../telemetry.ts";

/** The queue's consumer: each message launches its job, becomes one, or becomes a dead letter with its reason. */
export const createHandler =
  (platform: Platform, telemetry: Telemetry) =>
  (event: SQSEvent): Promise<SQSBatchResponse> =>
    handleFifoBatch(
      event,
      async (message) => {
        const outcome = await handleMessage(platform, message);
        if (outcome.action === "reject") await platform.queue.reject(message, outcome.reason);
        telemetry.info("message handled", { messageId: message.id, jobId: outcome.jobId, action: outcome.action });
        telemetry.count(outcome.action === "reject" ? "MessagesRejected" : "MessagesAccepted");
      },
      (thrown, message) => {
        telemetry.fault("message not handled", thrown, { messageId: message.id, received: message.receiveCount });
        telemetry.count("MessagesFailed");
      },
    );
