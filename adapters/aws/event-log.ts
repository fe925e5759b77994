import { GetCommand } from "@aws-sdk/lib-dynamodb";
import type { DomainEvent } from "../../core/events.ts";
import { limits } from "../../core/limits.ts";
import type { Permission } from "../../core/permission.ts";
import type { EventLog } from "../../core/ports.ts";
import { outboxKey, readOutboxItem } from "./outbox.ts";
import {
  type Item,
  type Key,
  keyOf,
  packDocument,
  queryAll,
  type Table,
  transactionWrites,
  ttlOf,
  unpackDocument,
  type Write,
  writeTogether,
} from "./table.ts";

/** @public For whoever reads by position; no function does. */
export const eventLogPermissions: readonly Permission[] = (
  ["GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"] as const
).map((name) => ({ action: `dynamodb:${name}`, resource: "table" }));

const counterKey: Key = { pk: "FEED", sk: "COUNTER" };
/** Events of one partition of the log: what is over is found by its TTL, and no partition grows without end. */
const perPartition = 10_000;
/** Numbered at once: two writes an event, and the counter. */
const perTransaction = Math.floor((transactionWrites - 1) / 2);
const maxRounds = 50;

const partitionOf = (position: number): number => Math.floor((position - 1) / perPartition);
const entryKey = (position: number): Key => ({
  pk: `FEED#${partitionOf(position)}`,
  sk: String(position).padStart(16, "0"),
});

/**
 * The change feed by position. Events are written without a number, in the transaction of their change; whoever reads
 * numbers what is new, in one transaction with the counter, so that no reader sees a position before an earlier one.
 * Writers thereby share no item.
 */
export function createDynamoEventLog(table: Table): EventLog {
  async function readCounter(): Promise<number> {
    const { Item: item } = await table
      .client()
      .send(new GetCommand({ TableName: table.name, Key: counterKey, ConsistentRead: true }));
    return Number(item?.last ?? 0);
  }

  async function readPending(): Promise<readonly Item[]> {
    const pending: Item[] = [];
    const found = queryAll(table, {
      KeyConditionExpression: "pk = :outbox",
      ExpressionAttributeValues: { ":outbox": outboxKey },
      ConsistentRead: true,
      Limit: perTransaction,
    });
    for await (const item of found) {
      pending.push(item);
      if (pending.length === perTransaction) break;
    }
    return pending;
  }

  /** Numbers what waits, at most one transaction of it. False: there was nothing, or another was first. */
  async function number(last: number): Promise<number> {
    const pending = await readPending();
    if (pending.length === 0) return 0;
    const events = orderByJob(pending.map(readOutboxItem));
    const writes: Write[] = [
      {
        Update: {
          TableName: table.name,
          Key: counterKey,
          UpdateExpression: "SET #last = :next",
          ConditionExpression: last === 0 ? "attribute_not_exists(pk)" : "#last = :last",
          ExpressionAttributeNames: { "#last": "last" },
          ExpressionAttributeValues: { ":next": last + pending.length, ...(last === 0 ? {} : { ":last": last }) },
        },
      },
      ...pending.map((item): Write => ({ Delete: { TableName: table.name, Key: keyOf(item) } })),
      ...events.map((event, index): Write => {
        const ttl = ttlOf(Date.parse(event.time) + limits.eventMs);
        const item = { ...entryKey(last + 1 + index), event: packDocument(event), ttl };
        return { Put: { TableName: table.name, Item: item } };
      }),
    ];
    const refused = await writeTogether(table, writes);
    return refused.length === 0 ? pending.length : -1;
  }

  return {
    async read(position, limit) {
      for (let round = 0; round < maxRounds; round++) {
        const last = await readCounter();
        if (last - position >= limit || (await number(last)) === 0) return readEntries(table, position, limit, last);
      }
      throw new Error(`others numbered events ${maxRounds} times in a row`);
    },
  };
}

async function readEntries(table: Table, position: number, limit: number, last: number) {
  const found: { position: number; event: DomainEvent }[] = [];
  for (let partition = partitionOf(position + 1); partition <= partitionOf(last); partition++) {
    const entries = queryAll(table, {
      KeyConditionExpression: "pk = :partition AND sk > :position",
      ExpressionAttributeValues: { ":partition": `FEED#${partition}`, ":position": entryKey(position).sk },
      ConsistentRead: true,
      Limit: limit,
    });
    for await (const item of entries) {
      if (found.length === limit) return found;
      found.push({ position: Number(item.sk), event: unpackDocument<DomainEvent>(item.event) });
    }
  }
  return found;
}

/** Clocks of machines differ: within one job the version says what came first. */
function orderByJob(events: readonly DomainEvent[]): readonly DomainEvent[] {
  const byJob = Map.groupBy(events, (event) => `${event.owner}/${event.subject}`);
  for (const own of byJob.values()) own.sort((a, b) => a.version - b.version);
  return events.map((event) => byJob.get(`${event.owner}/${event.subject}`)?.shift() ?? event);
}
