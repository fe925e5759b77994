import type { EventPublisher } from "../../core/cloud-ports.ts";
import type { DomainEvent } from "../../core/events.ts";
import { limits } from "../../core/limits.ts";
import { packDocument, type Table, ttlOf, unpackDocument, type Write, writeTogether } from "./table.ts";

// What the stores tell, in the transaction of the change; not an adapter, but a part of those that write and read it.

/** One partition: a job tells three events, and a partition takes 500 such writes a second. */
export const outboxKey = "OUTBOX";

/** Events in the order in which they happened, those of one job surely so. */
export function buildOutboxWrite(tableName: string, event: DomainEvent): Write {
  const version = String(event.version).padStart(10, "0");
  return {
    Put: {
      TableName: tableName,
      Item: {
        pk: outboxKey,
        sk: `${event.time}#${event.owner}#${event.subject}#${version}#${event.id}`,
        event: packDocument(event),
        // As long as the bus's archive: who reads later than that reads there.
        ttl: ttlOf(Date.parse(event.time) + limits.deadLetterMs),
      },
    },
  };
}

export const readOutboxItem = (item: { readonly event?: unknown }): DomainEvent =>
  unpackDocument<DomainEvent>(item.event);

/** Events that no change of a job carries; the stream brings them to the bus like all others. */
export const createOutboxPublisher = (table: Table): EventPublisher => ({
  publish: async (events) => {
    for (const event of events) await writeTogether(table, [buildOutboxWrite(table.name, event)]);
    return [];
  },
});
