import { setImmediate as otherWork } from "node:timers/promises";
import { limits } from "../../core/limits.ts";
import { isoTime } from "../../core/platform.ts";
import type { Clock } from "../../core/ports.ts";
import type { Database } from "./database.ts";

/** Rows of one transaction: some milliseconds, in which no request is heard. */
const batchRows = 200;

interface Rule {
  readonly table: string;
  /** Which rows have outlived their time; takes the one value of `end`. */
  readonly where: string;
  end(now: number): number | string;
}

const rules: readonly Rule[] = [
  { table: "jobs", where: "forget_at <= ?", end: (now) => now },
  // A pulse leaves with its run; this is for what a crash or an older version left.
  {
    table: "pulses",
    where:
      "at <= ? AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.owner = pulses.owner AND jobs.job_id = pulses.job_id)",
    end: (now) => now - limits.heartbeatLostMs,
  },
  // What a reader has not read is kept, however old: it would never be told. The oldest stand first.
  {
    table: "events",
    where: `event ->> '$.time' <= ? AND position <= (SELECT min(position) FROM feed_positions)
      AND position IN (SELECT position FROM events ORDER BY position LIMIT ${batchRows})`,
    end: (now) => isoTime(now - limits.eventMs),
  },
  { table: "dead_letters", where: "expires_at <= ?", end: isoTime },
  { table: "idempotency_keys", where: "expires_at <= ?", end: (now) => now },
  { table: "deduplication", where: "expires_at <= ?", end: (now) => now },
  {
    table: "deliveries",
    where: "status <> 'pending' AND created_at <= ?",
    end: (now) => isoTime(now - limits.deliveryMs),
  },
  // A result outlives its lease by its lifetime at most; a lease without a result has lapsed by then.
  { table: "cache", where: "lease_until <= ?", end: (now) => now - 2 * limits.cacheEntryMs },
];

/** DynamoDB forgets items by itself; here they are looked for by the clock, in batches between requests. */
export function createSqlitePurge(database: Database, clock: Clock): () => Promise<number> {
  const purgeBatch = ({ table, where, end }: Rule): Promise<number> =>
    database.commit(() =>
      Number(
        database
          .prepare(`DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE ${where} LIMIT ${batchRows})`)
          .run(end(clock.now())).changes,
      ),
    );

  /** @returns how many rows were removed */
  return async () => {
    let removed = 0;
    for (const rule of rules) {
      for (let batch = batchRows; batch === batchRows; removed += batch) {
        batch = await purgeBatch(rule);
        await otherWork();
      }
    }
    return removed;
  };
}
