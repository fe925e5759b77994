import { gunzipSync, gzipSync } from "node:zlib";
import type { DynamoDBRecord, DynamoDBStreamEvent } from "aws-lambda";
import { expect, test } from "vitest";
import type { DomainEvent } from "../../../core/events.ts";
import { createHandler } from "../../../functions/events/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";

const eventOf = (id: string, type: DomainEvent["type"] = "job.succeeded.v1"): DomainEvent => ({
  ...loadEvent<{ detail: DomainEvent }>("bus-job-succeeded").detail,
  id,
  type,
});

/** Items as the stores write them: text, or packed bytes. */
const readItem = ({ event }: { readonly event?: unknown }): DomainEvent =>
  JSON.parse(typeof event === "string" ? event : gunzipSync(event as Uint8Array).toString());

const recordOf = (sequenceNumber: string, attribute: { S: string } | { B: string }): DynamoDBRecord => {
  const [record] = loadEvent<DynamoDBStreamEvent>("dynamodb-outbox").Records;
  if (record?.dynamodb === undefined) throw new Error("the golden event has no record");
  const image = { ...record.dynamodb.NewImage, event: attribute };
  return { ...record, dynamodb: { ...record.dynamodb, NewImage: image, SequenceNumber: sequenceNumber } };
};
const textRecord = (sequenceNumber: string, event: DomainEvent) =>
  recordOf(sequenceNumber, { S: JSON.stringify(event) });

const run = async (records: DynamoDBRecord[], refuse: readonly string[] = []) => {
  const published: string[] = [];
  const telemetry = recordTelemetry();
  const publisher = {
    publish: async (events: readonly DomainEvent[]) => {
      published.push(...events.map((event) => event.id));
      return events.filter((event) => refuse.includes(event.id));
    },
  };
  const answer = await createHandler({ publisher, readItem }, telemetry)({ Records: records });
  return { published, failures: answer.batchItemFailures, counts: telemetry.counts };
};

test("fails when what the stores wrote is not published in its order, packed or not", async () => {
  const packed = gzipSync(JSON.stringify(eventOf("b"))).toString("base64");
  const { published, failures, counts } = await run([
    textRecord("1", eventOf("a", "job.queued.v1")),
    recordOf("2", { B: packed }),
    textRecord("3", eventOf("c", "job.failed.v1")),
  ]);
  expect(published).toEqual(["a", "b", "c"]);
  expect(failures).toEqual([]);
  expect(counts).toEqual({ JobsQueued: 1, JobsSucceeded: 1, JobsFailed: 1 });
});

test("fails when the stream is not read again from the first event that was refused", async () => {
  const records = ["1", "2", "3"].map((number) => textRecord(number, eventOf(`e${number}`)));
  expect((await run(records, ["e3", "e2"])).failures).toEqual([{ itemIdentifier: "2" }]);
});

test("fails when an item that is no event holds up the stream, or other changes are published", async () => {
  const [golden] = loadEvent<DynamoDBStreamEvent>("dynamodb-outbox").Records;
  const removed: DynamoDBRecord = { ...textRecord("1", eventOf("a")), eventName: "REMOVE" };
  const { published, failures, counts } = await run([
    removed,
    recordOf("2", { S: "not json" }),
    { ...golden, dynamodb: { ...golden?.dynamodb, NewImage: { pk: { S: "JOB#local#j" } } } },
    textRecord("4", eventOf("d")),
  ]);
  expect(published).toEqual(["d"]);
  expect(failures).toEqual([]);
  expect(counts).toMatchObject({ EventsNotPublished: 1 });
});
