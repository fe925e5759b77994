import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeEach, expect, test } from "vitest";
import { createDynamoEventLog } from "../../adapters/aws/event-log.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import {
  openTable,
  packDocument,
  readAll,
  type Table,
  unpackDocument,
  writeTogether,
} from "../../adapters/aws/table.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import type { JobOutput } from "../../core/job.ts";
import { createTestTable, describeOnAws } from "../fixtures/aws-emulator.ts";
import { buildTestJob, claimed, succeeded } from "../fixtures/jobs.ts";
import { type EndpointAnswer, type EndpointCall, startJsonEndpoint } from "../fixtures/json-endpoint.ts";

// What an emulator never does: to be busy. DynamoDB is played by its documentation
// (amazondynamodb/latest/APIReference/API_TransactWriteItems.html, API_BatchGetItem.html).

let answer: (call: EndpointCall) => EndpointAnswer;
const played = await startJsonEndpoint((call) => answer(call));
process.env.AWS_REGION ??= "us-east-1";
process.env.AWS_ACCESS_KEY_ID ??= "test";
process.env.AWS_SECRET_ACCESS_KEY ??= "test";
afterAll(() => played.close());

/** The table on the played service. */
const table: Table = {
  name: "played",
  client: () => DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint: played.url, region: "us-east-1" })),
};

beforeEach(() => {
  played.calls.length = 0;
});

const canceled = (...codes: string[]): EndpointAnswer => ({
  status: 400,
  body: {
    __type: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
    Message: "Transaction cancelled",
    CancellationReasons: codes.map((Code) => ({ Code })),
  },
});
const writes = ["a", "b"].map((pk) => ({ Put: { TableName: "played", Item: { pk, sk: pk } } }));

test("fails when a transaction that met another's is given up, or a refused one is tried again", async () => {
  answer = () => (played.calls.length < 4 ? canceled("None", "TransactionConflict") : { status: 200, body: {} });
  expect(await writeTogether(table, writes)).toEqual([]);
  expect(played.calls).toHaveLength(4);
  played.calls.length = 0;
  answer = () => canceled("None", "ConditionalCheckFailed");
  expect(await writeTogether(table, writes)).toEqual([1]);
  expect(played.calls).toHaveLength(1);
});

test("fails when a transaction that is wrong is taken for one that is late", async () => {
  answer = () => canceled("ValidationError", "None");
  await expect(writeTogether(table, writes)).rejects.toMatchObject({
    name: "TransactionCanceledException",
  });
  expect(played.calls).toHaveLength(1);
});

test("fails when what a batch left unread is forgotten, or asked for twice at once", async () => {
  answer = ({ body }) => {
    const keys = (body.RequestItems as { played: { Keys: unknown[] } }).played.Keys;
    expect(keys.length).toBeLessThanOrEqual(100);
    expect(new Set(keys.map((key) => JSON.stringify(key))).size).toBe(keys.length);
    const unread = keys.slice(30);
    const UnprocessedKeys = unread.length === 0 ? {} : { played: { Keys: unread, ConsistentRead: true } };
    return { status: 200, body: { Responses: { played: keys.slice(0, 30) }, UnprocessedKeys } };
  };
  const keys = Array.from({ length: 230 }, (_, index) => ({ pk: `${index}`, sk: "x" }));
  const found = await readAll(table, keys);
  expect(found.map((item) => item.pk).toSorted()).toEqual(keys.map((key) => key.pk).toSorted());
});

test("fails when a long document is kept otherwise than a short one, or one that fits nowhere is sent", () => {
  for (const length of [1, 1_000, 2_000_000]) {
    const document = { text: "ü🎧".repeat(length) };
    expect(unpackDocument(packDocument(document))).toEqual(document);
  }
  expect(typeof packDocument({ text: "short" })).toBe("string");
  const random = Array.from({ length: 60_000 }, () => Math.random());
  expect(() => packDocument(random)).toThrow(expect.objectContaining({ code: "limit_body" }));
});

describeOnAws("the table", () => {
  test("fails when a day of audio in thousands of pieces cannot be committed, listed or told", async () => {
    const { name, remove } = await createTestTable();
    const jobs = createDynamoJobStore(openTable(name), systemClock);
    const queued = buildTestJob();
    const running = claimed(queued, "run");
    const done = succeeded(running);
    const outputs = Array.from({ length: 2_880 }, (_, index): JobOutput => {
      const sha256 = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
      const piece = `talk-${String(index).padStart(5, "0")}.mp3`;
      const key = `outputs/${queued.jobId}/01K9ZQ0000000000000000000/${piece}`;
      return { name: piece, key, contentType: "audio/mpeg", sizeBytes: 480_000 + index, sha256, durationSeconds: 30 };
    });
    await jobs.create(queued);
    await jobs.update(queued, running);
    expect(await jobs.update(running, { ...done, outputs })).toBe(true);
    expect((await jobs.get(queued))?.outputs).toEqual(outputs);
    expect((await jobs.list("local", { limit: 5 })).jobs[0]?.outputs).toHaveLength(2_880);
    const events = await createDynamoEventLog(openTable(name)).read(0, 10);
    expect(events.at(-1)?.event.data.outputs).toEqual(outputs);
    await remove();
  });

  test("fails when a write that others' conditions refuse leaves half of itself", async () => {
    const { name, remove } = await createTestTable();
    const own = openTable(name);
    const put = (pk: string, condition = {}) => ({ Put: { TableName: name, Item: { pk, sk: "x" }, ...condition } });
    await writeTogether(own, [put("stands")]);
    const absent = { ConditionExpression: "attribute_not_exists(pk)" };
    expect(await writeTogether(own, [put("new"), put("stands", absent)])).toEqual([1]);
    expect(await readAll(own, [{ pk: "new", sk: "x" }])).toEqual([]);
    await remove();
  });
});
