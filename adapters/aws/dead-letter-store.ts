import { DeleteCommand } from "@aws-sdk/lib-dynamodb";
import type { Permission } from "../../core/permission.ts";
import type { Clock, DeadLetter, DeadLetterStore } from "../../core/ports.ts";
import { buildOutboxWrite } from "./outbox.ts";
import { packDocument, queryAll, type Table, ttlOf, unpackDocument, writeTogether } from "./table.ts";

export const deadLetterStorePermissions: readonly Permission[] = (["PutItem", "Query", "DeleteItem"] as const).map(
  (name) => ({ action: `dynamodb:${name}`, resource: "table" }),
);

const partition = "DEAD_LETTERS";
const keyOf = (id: string) => ({ pk: partition, sk: id });

/** Letters side by side in one partition: there are few, and a person reads them all. */
export function createDynamoDeadLetterStore(table: Table, clock: Clock): DeadLetterStore {
  return {
    async put(letter, event) {
      const expiresAt = Date.parse(letter.expiresAt);
      const Item = { ...keyOf(letter.id), letter: packDocument(letter), expiresAt, ttl: ttlOf(expiresAt) };
      // Refused: the letter stands there, and what it tells was told with it.
      await writeTogether(table, [
        { Put: { TableName: table.name, Item, ConditionExpression: "attribute_not_exists(pk)" } },
        ...(event === undefined ? [] : [buildOutboxWrite(table.name, event)]),
      ]);
    },

    async list() {
      const letters: DeadLetter[] = [];
      const found = queryAll(table, {
        KeyConditionExpression: "pk = :partition",
        // TTL takes its time.
        FilterExpression: "expiresAt > :now",
        ExpressionAttributeValues: { ":partition": partition, ":now": clock.now() },
        ConsistentRead: true,
      });
      for await (const item of found) letters.push(unpackDocument<DeadLetter>(item.letter));
      return letters.toSorted((a, b) => (a.at === b.at ? compare(a.id, b.id) : compare(a.at, b.at)));
    },

    async remove(id) {
      await table.client().send(new DeleteCommand({ TableName: table.name, Key: keyOf(id) }));
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
