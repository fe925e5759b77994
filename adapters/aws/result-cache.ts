import { DeleteCommand, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { canonicalJson, sha256Hex } from "../../core/canonical-json.ts";
import { limits } from "../../core/limits.ts";
import type { Permission } from "../../core/permission.ts";
import type { CacheEntry, Clock, ResultCache } from "../../core/ports.ts";
import { isConditionFailed, packDocument, type Table, ttlOf, unpackDocument } from "./table.ts";

export const resultCachePermissions: readonly Permission[] = (["GetItem", "PutItem", "DeleteItem"] as const).map(
  (name) => ({ action: `dynamodb:${name}`, resource: "table" }),
);

const keyOf = (key: string) => ({ pk: `CACHE#${key}`, sk: "CACHE" });

/** What tells one entry from another: two that have these in common are the same. */
const identityOf = (entry: CacheEntry) => ({
  holder: canonicalJson(entry.holder),
  leaseUntil: entry.leaseUntil,
  manifestHash: entry.manifest === null ? "none" : sha256Hex(canonicalJson(entry.manifest)),
});

/** The condition that exactly `entry` stands there. */
function buildStandsCondition(entry: CacheEntry) {
  const { holder, leaseUntil, manifestHash } = identityOf(entry);
  return {
    ConditionExpression: "holder = :holder AND leaseUntil = :leaseUntil AND manifestHash = :manifestHash",
    ExpressionAttributeValues: { ":holder": holder, ":leaseUntil": leaseUntil, ":manifestHash": manifestHash },
  };
}

/** Leases and results in the single table; each change is one conditional write. */
export function createDynamoResultCache(table: Table, clock: Clock): ResultCache {
  return {
    async get(key) {
      const { Item: item } = await table
        .client()
        .send(new GetCommand({ TableName: table.name, Key: keyOf(key), ConsistentRead: true }));
      return item === undefined ? undefined : unpackDocument<CacheEntry>(item.document);
    },

    async swap(expected, entry) {
      // What has expired is told by the reader; the table's own removal lags behind and comes after it.
      const lastUse = Math.max(clock.now() + limits.cacheEntryMs, entry.leaseUntil);
      const Item = {
        ...keyOf(entry.key),
        ...identityOf(entry),
        document: packDocument(entry),
        ttl: ttlOf(lastUse + 86_400_000),
      };
      const condition =
        expected === undefined
          ? { ConditionExpression: "attribute_not_exists(pk)" }
          : // An expectation of another key's entry can never stand here.
            buildStandsCondition(expected);
      if (expected !== undefined && expected.key !== entry.key) return false;
      return unlessRefused(() => table.client().send(new PutCommand({ TableName: table.name, Item, ...condition })));
    },

    remove: (expected) =>
      unlessRefused(() =>
        table.client().send(
          new DeleteCommand({
            TableName: table.name,
            Key: keyOf(expected.key),
            ...buildStandsCondition(expected),
          }),
        ),
      ),
  };
}

async function unlessRefused(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (isConditionFailed(error)) return false;
    throw error;
  }
}
