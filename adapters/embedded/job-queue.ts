import { randomUUID } from "node:crypto";
import type { Clock, JobQueue, QueueMessage } from "../../core/ports.ts";
import type { Database } from "./database.ts";

export interface SqliteJobQueueOptions {
  readonly visibilityTimeoutMs: number;
  readonly maxReceiveCount: number;
}

interface Row {
  position: number;
  id: string;
  group_id: string;
  body: string;
  receive_count: number;
  dead_reason: string | null;
}

/** As SQS drops repeats. */
const deduplicationMs = 5 * 60_000;

export interface SqliteJobQueue extends JobQueue {
  /**
   * Hands back whatever is out, for the one consumer that has just started: who held it is dead, and to wait for the
   * visibility timeout would only cost time.
   */
  handBackAll(): Promise<void>;
}

/** The store is the truth: at its start the platform wakes every job that is queued. */
const asWakeUpCall = { survives: "kill" } as const;

/** Whether the message is the first of its group; a message leaves the table when it is done with. */
const isFirst = `NOT EXISTS (
  SELECT 1 FROM messages AS earlier WHERE earlier.group_id = m.group_id AND earlier.dead_reason IS NULL
    AND earlier.position < m.position)`;
const nextMessage = `SELECT * FROM messages AS m WHERE dead_reason IS NULL AND visible_at <= ? AND ${isFirst}
  ORDER BY position LIMIT 1`;
const nextDeadLetter =
  "SELECT * FROM messages WHERE dead_reason IS NOT NULL AND visible_at <= ? ORDER BY position LIMIT 1";

/**
 * SQS FIFO's rules on SQLite. Within a group the next message is handed out when the one before it is done with, so a
 * batch carries at most one of each group: whoever fails one cannot reorder it behind the next.
 */
export function createSqliteJobQueue(database: Database, clock: Clock, options: SqliteJobQueueOptions): SqliteJobQueue {
  const find = (sql: string): Row | undefined => database.prepare(sql).get(clock.now()) as Row | undefined;

  /** To the end of the dead letters, unread. */
  const bury = (where: "position" | "receipt", value: number | string, reason: string): void => {
    database
      .prepare(
        `UPDATE messages SET dead_reason = ?, receipt = NULL, visible_at = 0, receive_count = 0,
           position = (SELECT max(position) + 1 FROM messages) WHERE ${where} = ?`,
      )
      .run(reason, value);
  };

  /** Turns what was handed out too often, and stands first, into dead letters. */
  const buryExhausted = (): void => {
    for (;;) {
      const row = database
        .prepare(
          `SELECT * FROM messages AS m WHERE dead_reason IS NULL AND visible_at <= ?
               AND receive_count > 0 AND receive_count >= ? AND ${isFirst} LIMIT 1`,
        )
        .get(clock.now(), options.maxReceiveCount) as Row | undefined;
      if (row === undefined) return;
      bury("position", row.position, `received ${row.receive_count} times without success`);
    }
  };

  const handOut = (row: Row): QueueMessage => {
    const receipt = randomUUID();
    database
      .prepare("UPDATE messages SET receipt = ?, visible_at = ?, receive_count = receive_count + 1 WHERE position = ?")
      .run(receipt, clock.now() + options.visibilityTimeoutMs, row.position);
    return { id: row.id, body: row.body, groupId: row.group_id, receiveCount: row.receive_count + 1, receipt };
  };

  const take = <T>(sql: string, max: number, shape: (row: Row) => T): T[] => {
    // An idle look must not take the write lock: most looks find nothing.
    if (find(nextMessage) === undefined && find(sql) === undefined) return [];
    return database.transaction(() => {
      buryExhausted();
      const taken: T[] = [];
      for (let row = find(sql); row !== undefined && taken.length < max; row = find(sql)) taken.push(shape(row));
      return taken;
    });
  };

  return {
    async send({ body, groupId, deduplicationId }) {
      await database.commit(() => {
        const now = clock.now();
        const { changes } = database
          .prepare(
            `INSERT INTO deduplication VALUES (?, ?)
             ON CONFLICT DO UPDATE SET expires_at = excluded.expires_at WHERE expires_at <= ?`,
          )
          .run(deduplicationId, now + deduplicationMs, now);
        if (changes === 0) return;
        database
          .prepare("INSERT INTO messages (id, group_id, body, visible_at) VALUES (?, ?, ?, 0)")
          .run(randomUUID(), groupId, body);
      }, asWakeUpCall);
    },

    receive: async (max) => take(nextMessage, max, handOut),

    receiveDeadLetters: async (max) =>
      take(nextDeadLetter, max, (row) => ({ ...handOut(row), reason: row.dead_reason ?? "" })),

    async acknowledge(receipt) {
      // Past its time a receipt is still good while nobody else got the message: the work is done, why do it again.
      database.prepare("DELETE FROM messages WHERE receipt = ?").run(receipt);
    },

    async release(receipt) {
      database.transaction(() => {
        database.prepare("UPDATE messages SET visible_at = 0, receipt = NULL WHERE receipt = ?").run(receipt);
        buryExhausted();
      });
    },

    reject: async (message, reason) => bury("receipt", message.receipt, reason),

    async handBackAll() {
      database.prepare("UPDATE messages SET visible_at = 0, receipt = NULL WHERE receipt IS NOT NULL").run();
    },
  };
}
