import { type DomainEvent, domainEventSchema } from "../../core/events.ts";
import type { EventLog } from "../../core/ports.ts";
import type { Database } from "./database.ts";

/** The change feed: the stores write it in the same transaction as the change. */
export function createSqliteEventLog(database: Database): EventLog {
  return {
    async read(position, limit) {
      const rows = database
        .prepare("SELECT position, event FROM events WHERE position > ? ORDER BY position LIMIT ?")
        .all(position, limit) as { position: number; event: string }[];
      return rows.map((row): { position: number; event: DomainEvent } => ({
        position: row.position,
        event: domainEventSchema.parse(JSON.parse(row.event)),
      }));
    },
  };
}
