import { GetCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import type { ApiKeyRecord, ApiKeyStore } from "../../core/api-ports.ts";
import { limits } from "../../core/limits.ts";
import type { Permission } from "../../core/permission.ts";
import { type Item, isConditionFailed, queryAll, readAll, type Table, ttlOf, writeTogether } from "./table.ts";

/** Whoever checks keys. */
export const apiKeyReadPermissions: readonly Permission[] = (["GetItem", "UpdateItem"] as const).map((name) => ({
  action: `dynamodb:${name}`,
  resource: "table",
}));
/** Whoever makes, lists and removes them too. */
export const apiKeyStorePermissions: readonly Permission[] = (
  ["GetItem", "BatchGetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"] as const
).map((name) => ({ action: `dynamodb:${name}`, resource: "table" }));

const touchEveryMs = 60_000;

const keyOf = (keyId: string) => ({ pk: `KEY#${keyId}`, sk: "KEY" });
const listPrefix = "KEY#";
const listKey = (owner: string, keyId: string) => ({ pk: `OWNER#${owner}`, sk: `${listPrefix}${keyId}` });

/** Keys by their id, which is all that a caller sends; and a list for each owner, written together. */
export function createDynamoApiKeyStore(table: Table): ApiKeyStore {
  return {
    async put(record) {
      // A key that has expired is shown as such for a while.
      const ttl =
        record.expiresAt === null ? {} : { ttl: ttlOf(Date.parse(record.expiresAt) + limits.itemAfterExpiryMs) };
      const { keyId, owner } = record;
      await writeTogether(table, [
        { Put: { TableName: table.name, Item: { ...keyOf(keyId), ...record, ...ttl } } },
        { Put: { TableName: table.name, Item: { ...listKey(owner, keyId), ...ttl } } },
      ]);
    },

    async get(keyId) {
      const { Item: item } = await table
        .client()
        .send(new GetCommand({ TableName: table.name, Key: keyOf(keyId), ConsistentRead: true }));
      return item === undefined ? undefined : parseRecord(item);
    },

    async list(owner) {
      const keyIds: string[] = [];
      const found = queryAll(table, {
        KeyConditionExpression: "pk = :owner AND begins_with(sk, :prefix)",
        ExpressionAttributeValues: { ":owner": `OWNER#${owner}`, ":prefix": listPrefix },
        ConsistentRead: true,
      });
      for await (const item of found) keyIds.push(String(item.sk).slice(listPrefix.length));
      const records = (await readAll(table, keyIds.map(keyOf))).map(parseRecord);
      return records.toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1));
    },

    async touch(keyId, at) {
      try {
        await table.client().send(
          new UpdateCommand({
            TableName: table.name,
            Key: keyOf(keyId),
            UpdateExpression: "SET lastUsedAt = :at",
            ConditionExpression:
              "attribute_exists(pk) AND (attribute_type(lastUsedAt, :null) OR lastUsedAt <= :minuteAgo)",
            ExpressionAttributeValues: {
              ":at": at,
              ":null": "NULL",
              ":minuteAgo": new Date(Date.parse(at) - touchEveryMs).toISOString(),
            },
          }),
        );
      } catch (error) {
        if (!isConditionFailed(error)) throw error;
      }
    },

    async remove(owner, keyId) {
      const refused = await writeTogether(table, [
        {
          Delete: {
            TableName: table.name,
            Key: keyOf(keyId),
            ConditionExpression: "#owner = :owner",
            ExpressionAttributeNames: { "#owner": "owner" },
            ExpressionAttributeValues: { ":owner": owner },
          },
        },
        { Delete: { TableName: table.name, Key: listKey(owner, keyId) } },
      ]);
      return refused.length === 0;
    },
  };
}

function parseRecord({ pk: _pk, sk: _sk, ttl: _ttl, ...record }: Item): ApiKeyRecord {
  return record as unknown as ApiKeyRecord;
}
