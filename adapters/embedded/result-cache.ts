import { canonicalJson } from "../../core/canonical-json.ts";
import type { CacheEntry, ResultCache } from "../../core/ports.ts";
import type { Database } from "./database.ts";

interface Row {
  key: string;
  holder: string;
  lease_until: number;
  manifest: string | null;
}

const toEntry = (row: Row): CacheEntry => ({
  key: row.key,
  holder: JSON.parse(row.holder),
  leaseUntil: row.lease_until,
  manifest: row.manifest === null ? null : JSON.parse(row.manifest),
});

const toColumns = (entry: CacheEntry) => ({
  holder: canonicalJson(entry.holder),
  manifest: entry.manifest === null ? null : canonicalJson(entry.manifest),
});

export function createSqliteResultCache(database: Database): ResultCache {
  return {
    async get(key) {
      const row = database.prepare("SELECT * FROM cache WHERE key = ?").get(key) as Row | undefined;
      return row === undefined ? undefined : toEntry(row);
    },
    async swap(expected, entry) {
      const next = toColumns(entry);
      if (expected === undefined) {
        const { changes } = database
          .prepare("INSERT INTO cache VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING")
          .run(entry.key, next.holder, entry.leaseUntil, next.manifest);
        return changes === 1;
      }
      const standing = toColumns(expected);
      const { changes } = database
        .prepare(
          "UPDATE cache SET holder = ?, lease_until = ?, manifest = ? WHERE key = ? AND holder = ? AND lease_until = ? AND manifest IS ?",
        )
        .run(
          next.holder,
          entry.leaseUntil,
          next.manifest,
          expected.key,
          standing.holder,
          expected.leaseUntil,
          standing.manifest,
        );
      return changes === 1;
    },
    async remove(expected) {
      const standing = toColumns(expected);
      const { changes } = database
        .prepare("DELETE FROM cache WHERE key = ? AND holder = ? AND lease_until = ? AND manifest IS ?")
        .run(expected.key, standing.holder, expected.leaseUntil, standing.manifest);
      return changes === 1;
    },
  };
}
