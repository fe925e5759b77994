import type { ApiKeyRecord, ApiKeyStore } from "../../core/api-ports.ts";
import type { Database } from "./database.ts";

const touchEveryMs = 60_000;

export function createSqliteApiKeyStore(database: Database): ApiKeyStore {
  const parse = (row: unknown): ApiKeyRecord => JSON.parse((row as { record: string }).record);
  return {
    async put(record) {
      database
        .prepare("INSERT OR REPLACE INTO api_keys (key_id, owner, record) VALUES (?, ?, ?)")
        .run(record.keyId, record.owner, JSON.stringify(record));
    },
    async get(keyId) {
      const row = database.prepare("SELECT record FROM api_keys WHERE key_id = ?").get(keyId);
      return row === undefined ? undefined : parse(row);
    },
    async list(owner) {
      return database.prepare("SELECT record FROM api_keys WHERE owner = ? ORDER BY key_id").all(owner).map(parse);
    },
    async touch(keyId, at) {
      const record = await this.get(keyId);
      if (record === undefined) return;
      if (record.lastUsedAt !== null && Date.parse(at) - Date.parse(record.lastUsedAt) < touchEveryMs) return;
      database
        .prepare("UPDATE api_keys SET record = json_set(record, '$.lastUsedAt', ?) WHERE key_id = ?")
        .run(at, keyId);
    },
    async remove(owner, keyId) {
      return database.prepare("DELETE FROM api_keys WHERE owner = ? AND key_id = ?").run(owner, keyId).changes === 1;
    },
  };
}
