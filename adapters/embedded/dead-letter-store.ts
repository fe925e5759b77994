import { isoTime } from "../../core/platform.ts";
import type { Clock, DeadLetter, DeadLetterStore } from "../../core/ports.ts";
import type { Database } from "./database.ts";

export function createSqliteDeadLetterStore(database: Database, clock: Clock): DeadLetterStore {
  return {
    async put(letter, event) {
      database.transaction(() => {
        database
          .prepare("INSERT OR IGNORE INTO dead_letters VALUES (?, ?, ?, ?, ?)")
          .run(letter.id, letter.body, letter.reason, letter.at, letter.expiresAt);
        if (event === undefined) return;
        database.prepare("INSERT OR IGNORE INTO events (id, event) VALUES (?, ?)").run(event.id, JSON.stringify(event));
      });
    },
    async list() {
      return database
        .prepare(
          "SELECT id, body, reason, at, expires_at AS expiresAt FROM dead_letters WHERE expires_at > ? ORDER BY at, id",
        )
        .all(isoTime(clock.now()))
        .map((row) => ({ ...(row as DeadLetter) }));
    },
    async remove(id) {
      database.prepare("DELETE FROM dead_letters WHERE id = ?").run(id);
    },
  };
}
