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

/** SQS FIFO's rules on SQLite: order within a group, a group is blocked while one of its messages is out. */
export function createSqliteJobQueue(database: Database, clock: Clock, options: SqliteJobQueueOptions): JobQueue {
  const bury = (position: number, reason: string): void => {
    database
      .prepare(
        "UPDATE messages SET dead_reason = ?, receipt = NULL, visible_at = 0, receive_count = 0 WHERE position = ?",
      )
      .run(reason, position);
  };

  const handOut = (row: Row): QueueMessage => {
    const receipt = randomUUID();
    database
      .prepare("UPDATE messages SET receipt = ?, visible_at = ?, receive_count = receive_count + 1 WHERE position = ?")
      .run(receipt, clock.now() + options.visibilityTimeoutMs, row.position);
    return { id: row.id, body: row.body, groupId: row.group_id, receiveCount: row.receive_count + 1, receipt };
  };

  return {
    async send({ body, groupId, deduplicationId }) {
      database.transaction(() => {
        const now = clock.now();
        database.prepare("DELETE FROM deduplication WHERE expires_at <= ?").run(now);
        const { changes } = database
          .prepare("INSERT INTO deduplication VALUES (?, ?) ON CONFLICT DO NOTHING")
          .run(deduplicationId, now + deduplicationMs);
        if (changes === 0) return;
        database
          .prepare("INSERT INTO messages (id, group_id, body, visible_at) VALUES (?, ?, ?, 0)")
          .run(randomUUID(), groupId, body);
      });
    },

    async receive(max) {
      // An idle look must not take the write lock: most looks find nothing.
      const any = database.prepare("SELECT 1 FROM messages WHERE dead_reason IS NULL AND visible_at <= ? LIMIT 1");
      if (any.get(clock.now()) === undefined) return [];
      return database.transaction(() => {
        const taken: QueueMessage[] = [];
        while (taken.length < max) {
          // The first message of each group that has none out; a batch may carry several of one group only by turns.
          const row = database
            .prepare(
              `SELECT * FROM messages AS m WHERE dead_reason IS NULL AND visible_at <= ?1 AND NOT EXISTS (
                 SELECT 1 FROM messages AS earlier WHERE earlier.group_id = m.group_id AND earlier.dead_reason IS NULL
                   AND earlier.position < m.position)
               ORDER BY position LIMIT 1`,
            )
            .get(clock.now()) as Row | undefined;
          if (row === undefined) break;
          if (row.receive_count >= options.maxReceiveCount) {
            bury(row.position, `received ${row.receive_count} times without success`);
          } else {
            taken.push(handOut(row));
          }
        }
        return taken;
      });
    },

    async acknowledge(receipt) {
      // A receipt whose time has passed is still good while nobody else got the message, as with SQS.
      database.prepare("DELETE FROM messages WHERE receipt = ?").run(receipt);
    },

    async release(receipt) {
      database.prepare("UPDATE messages SET visible_at = 0, receipt = NULL WHERE receipt = ?").run(receipt);
    },

    async reject(message, reason) {
      database
        .prepare(
          "UPDATE messages SET dead_reason = ?, receipt = NULL, visible_at = 0, receive_count = 0 WHERE receipt = ?",
        )
        .run(reason, message.receipt);
    },

    async receiveDeadLetters(max) {
      return database.transaction(() => {
        const rows = database
          .prepare("SELECT * FROM messages WHERE dead_reason IS NOT NULL AND visible_at <= ? ORDER BY position LIMIT ?")
          .all(clock.now(), max) as unknown as Row[];
        return rows.map((row) => ({ ...handOut(row), reason: row.dead_reason ?? "" }));
      });
    },
  };
}
