import type { AttributeValue, DynamoDBBatchResponse, DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import type { MetricName } from "../../config/metric-names.ts";
import type { EventPublisher } from "../../core/cloud-ports.ts";
import type { DomainEvent } from "../../core/events.ts";
import type { Telemetry } from "../telemetry.ts";

export interface EventsDeps {
  readonly publisher: EventPublisher;
  /** The event of an item that the stores wrote. @throws when it is none */
  readonly readItem: (item: { readonly event?: unknown }) => DomainEvent;
}

interface Found {
  readonly sequenceNumber: string;
  readonly event: DomainEvent;
}

/**
 * The table's stream: what the stores wrote as happened goes to the bus, in order. The first event that is not taken
 * is where the stream is read again from; what came after it goes out twice, under the same id.
 */
export const createHandler =
  ({ publisher, readItem }: EventsDeps, telemetry: Telemetry) =>
  async (batch: DynamoDBStreamEvent): Promise<DynamoDBBatchResponse> => {
    const found = batch.Records.flatMap((record) => readRecord(record, readItem, telemetry));
    const unsent = found.length === 0 ? [] : await publisher.publish(found.map(({ event }) => event));
    const refused = new Set(unsent.map((event) => event.id));
    for (const { event } of found) count(event, refused.has(event.id), telemetry);
    const first = found.find(({ event }) => refused.has(event.id));
    telemetry.info("events published", { found: found.length, refused: refused.size });
    return { batchItemFailures: first === undefined ? [] : [{ itemIdentifier: first.sequenceNumber }] };
  };

/** An item that cannot be read would hold up the stream for a day: it is logged and left. */
function readRecord(record: DynamoDBRecord, readItem: EventsDeps["readItem"], telemetry: Telemetry): Found[] {
  const image = record.dynamodb?.NewImage;
  const sequenceNumber = record.dynamodb?.SequenceNumber;
  if (record.eventName !== "INSERT" || sequenceNumber === undefined || image?.event === undefined) return [];
  try {
    return [{ sequenceNumber, event: readItem({ event: plainValue(image.event) }) }];
  } catch (thrown) {
    telemetry.fault("an event could not be read", thrown, { sequenceNumber });
    telemetry.count("EventsNotPublished");
    return [];
  }
}

/** Text as it is; bytes stand in the function's event as base64. */
const plainValue = ({ S: text, B: base64 }: AttributeValue): unknown =>
  text ?? (base64 === undefined ? undefined : Buffer.from(base64, "base64"));

const metricOf: Partial<Record<DomainEvent["type"], MetricName>> = {
  "job.queued.v1": "JobsQueued",
  "job.succeeded.v1": "JobsSucceeded",
  "job.failed.v1": "JobsFailed",
  "job.canceled.v1": "JobsCanceled",
};

function count({ type }: DomainEvent, refused: boolean, telemetry: Telemetry): void {
  const metric = refused ? "EventsNotPublished" : metricOf[type];
  if (metric !== undefined) telemetry.count(metric);
}
