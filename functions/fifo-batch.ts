import { processPartialResponse, SqsFifoPartialProcessorAsync } from "@aws-lambda-powertools/batch";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "aws-lambda";
import type { QueueMessage } from "../core/ports.ts";

/**
 * Handles messages one after the other. The one that fails and the later ones of its group are returned to the
 * queue; other groups go on, so that a bad message blocks nobody else's.
 */
export async function handleFifoBatch(
  event: SQSEvent,
  handleOne: (message: QueueMessage, record: SQSRecord) => Promise<void>,
  onFault: (thrown: unknown, message: QueueMessage) => void,
): Promise<SQSBatchResponse> {
  const handle = async (record: SQSRecord) => {
    const message = readMessage(record);
    try {
      await handleOne(message, record);
    } catch (thrown) {
      onFault(thrown, message);
      throw thrown;
    }
  };
  // A new one each time: it keeps what it saw. A batch that fails whole is answered like any other.
  const options = { skipGroupOnError: true, throwOnFullBatchFailure: false };
  return processPartialResponse(event, handle, new SqsFifoPartialProcessorAsync(), options);
}

const readMessage = (record: SQSRecord): QueueMessage => ({
  id: record.messageId,
  body: record.body,
  groupId: record.attributes.MessageGroupId ?? record.messageId,
  receiveCount: Number(record.attributes.ApproximateReceiveCount),
  receipt: record.receiptHandle,
});
