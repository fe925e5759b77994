import { EventBridgeClient, PutEventsCommand, type PutEventsRequestEntry } from "@aws-sdk/client-eventbridge";
import type { EventPublisher } from "../../core/cloud-ports.ts";
import type { DomainEvent } from "../../core/events.ts";
import type { Permission } from "../../core/permission.ts";

export const eventPublisherPermissions: readonly Permission[] = [{ action: "events:PutEvents", resource: "bus" }];

/** PutEvents takes ten entries, and 256 KB in all (eventbridge/latest/userguide/eb-putevent-size.html). */
const mostEntries = 10;
const mostBytes = 240_000;
/** Rounds for what was not accepted; afterwards the stream brings it again. */
const rounds = 3;
const firstPauseMs = 100;

export const eventSource = "mixdown";

/** Events to a bus of EventBridge. `detail` is the whole event; its `id` is the same each time it is sent. */
export function createEventBridgePublisher(bus: string): EventPublisher {
  let made: EventBridgeClient | undefined;
  const client = (): EventBridgeClient => {
    made ??= new EventBridgeClient({});
    return made;
  };

  /** @returns what was not accepted; the answer is 200 also when nothing was */
  async function send(batch: readonly DomainEvent[]): Promise<readonly DomainEvent[]> {
    const answer = await client().send(new PutEventsCommand({ Entries: batch.map((event) => buildEntry(bus, event)) }));
    return batch.filter((_event, index) => answer.Entries?.[index]?.EventId === undefined);
  }

  return {
    async publish(events) {
      let waiting = events;
      for (let round = 0; round < rounds && waiting.length > 0; round++) {
        if (round > 0) await new Promise((resolve) => setTimeout(resolve, firstPauseMs * 4 ** (round - 1)));
        const refused: DomainEvent[] = [];
        for (const batch of buildBatches(waiting)) refused.push(...(await send(batch)));
        waiting = refused;
      }
      return waiting;
    },
  };
}

function buildEntry(EventBusName: string, event: DomainEvent): PutEventsRequestEntry {
  const Detail = JSON.stringify(fitEvent(event));
  return { EventBusName, Source: eventSource, DetailType: event.type, Detail, Time: new Date(event.time) };
}

/** An event that no bus would take loses its list of outputs: whoever wants it asks for the job. */
export function fitEvent(event: DomainEvent): DomainEvent {
  if (sizeOf(event) <= mostBytes) return event;
  const { outputs, ...data } = event.data;
  const outputCount = Array.isArray(outputs) ? outputs.length : 0;
  return { ...event, data: { ...data, outputs: [], outputCount, truncated: true } };
}

/** In order, each within what one call takes. */
export function buildBatches(events: readonly DomainEvent[]): readonly (readonly DomainEvent[])[] {
  const batches: DomainEvent[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const size = sizeOf(fitEvent(event));
    if (bytes + size > mostBytes || (batches.at(-1)?.length ?? mostEntries) >= mostEntries) {
      batches.push([]);
      bytes = 0;
    }
    batches.at(-1)?.push(event);
    bytes += size;
  }
  return batches;
}

/** As EventBridge counts: detail, type and source in UTF-8, and 14 for the time. */
const sizeOf = (event: DomainEvent): number =>
  Buffer.byteLength(JSON.stringify(event)) + event.type.length + eventSource.length + 14;
