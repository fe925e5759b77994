import { DeleteCommand, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { limits } from "../../core/limits.ts";
import type { Permission } from "../../core/permission.ts";
import type { Delivery, WebhookEndpoint, WebhookStore } from "../../core/webhook-ports.ts";
import {
  type Item,
  isConditionFailed,
  type Key,
  keyOf,
  packDocument,
  queryAll,
  readAll,
  type Table,
  ttlOf,
  unpackDocument,
} from "./table.ts";

export const webhookStorePermissions: readonly Permission[] = (
  ["GetItem", "BatchGetItem", "Query", "PutItem", "DeleteItem"] as const
).map((name) => ({ action: `dynamodb:${name}`, resource: "table" }));

const endpointPrefix = "WEBHOOK#";
const endpointKey = (owner: string, endpointId: string): Key => ({
  pk: `OWNER#${owner}`,
  sk: `${endpointPrefix}${endpointId}`,
});
const deliveryKey = (owner: string, deliveryId: string): Key => ({
  pk: `DELIVERY#${owner}#${deliveryId}`,
  sk: "DELIVERY",
});
const listKey = (owner: string, endpointId: string): string => `DELIVERIES#${owner}#${endpointId}`;
const positionKey: Key = { pk: "FEED", sk: "POSITION#webhooks" };
/** What waits for its time; a thousand a second and more would need more partitions. */
const duePartition = "DUE";

function buildDeliveryItem(delivery: Delivery): Item {
  const { owner, deliveryId, endpointId, createdAt, version, status, nextAttemptAt } = delivery;
  const waits = status === "pending" && nextAttemptAt !== null;
  return {
    ...deliveryKey(owner, deliveryId),
    version,
    GSI1PK: listKey(owner, endpointId),
    GSI1SK: `${createdAt}#${deliveryId}`,
    ...(waits ? { GSI2PK: duePartition, GSI2SK: `${nextAttemptAt}#${deliveryId}` } : {}),
    ttl: ttlOf(Date.parse(createdAt) + limits.deliveryMs),
    document: packDocument(delivery),
  };
}

const parse = <T>(item: Item): T => unpackDocument<T>(item.document);

/** Endpoints beside their owner's other things, each delivery an item of its own, listed by its endpoint and by its time. */
export function createDynamoWebhookStore(table: Table): WebhookStore {
  async function read<T>(Key: Key): Promise<T | undefined> {
    const { Item: item } = await table
      .client()
      .send(new GetCommand({ TableName: table.name, Key, ConsistentRead: true }));
    return item === undefined ? undefined : parse<T>(item);
  }

  async function put(Item: Item, condition = {}): Promise<boolean> {
    try {
      await table.client().send(new PutCommand({ TableName: table.name, Item, ...condition }));
      return true;
    } catch (error) {
      if (isConditionFailed(error)) return false;
      throw error;
    }
  }

  const findDeliveries = (owner: string, endpointId: string) =>
    queryAll(table, {
      IndexName: "GSI1",
      KeyConditionExpression: "GSI1PK = :list",
      ExpressionAttributeValues: { ":list": listKey(owner, endpointId) },
      ScanIndexForward: false,
    });

  /** Deliveries by their keys, in the order of these. */
  async function readInOrder(found: AsyncIterable<Item>, limit: number): Promise<readonly Delivery[]> {
    const keys: Key[] = [];
    for await (const item of found) {
      if (keys.length === limit) break;
      keys.push(keyOf(item));
    }
    const byKey = new Map((await readAll(table, keys)).map((item) => [String(item.pk), parse<Delivery>(item)]));
    return keys.flatMap(({ pk }) => byKey.get(pk) ?? []);
  }

  return {
    async putEndpoint(endpoint) {
      await put({ ...endpointKey(endpoint.owner, endpoint.endpointId), document: packDocument(endpoint) });
    },

    getEndpoint: (owner, endpointId) => read<WebhookEndpoint>(endpointKey(owner, endpointId)),

    async listEndpoints(owner) {
      const endpoints: WebhookEndpoint[] = [];
      const found = queryAll(table, {
        KeyConditionExpression: "pk = :owner AND begins_with(sk, :prefix)",
        ExpressionAttributeValues: { ":owner": `OWNER#${owner}`, ":prefix": endpointPrefix },
        ConsistentRead: true,
      });
      for await (const item of found) endpoints.push(parse<WebhookEndpoint>(item));
      return endpoints;
    },

    async removeEndpoint(owner, endpointId) {
      const { Attributes } = await table.client().send(
        new DeleteCommand({
          TableName: table.name,
          Key: endpointKey(owner, endpointId),
          ReturnValues: "ALL_OLD",
        }),
      );
      // After the endpoint, so that no new one is made; what a crash leaves goes by its TTL.
      for await (const item of findDeliveries(owner, endpointId)) {
        await table.client().send(new DeleteCommand({ TableName: table.name, Key: keyOf(item) }));
      }
      return Attributes !== undefined;
    },

    createDelivery: (delivery) => put(buildDeliveryItem(delivery), { ConditionExpression: "attribute_not_exists(pk)" }),

    getDelivery: (owner, deliveryId) => read<Delivery>(deliveryKey(owner, deliveryId)),

    listDeliveries: (owner, endpointId, limit) => readInOrder(findDeliveries(owner, endpointId), limit),

    async listDue(nowIso, limit) {
      const found = queryAll(table, {
        IndexName: "GSI2",
        KeyConditionExpression: "GSI2PK = :due AND GSI2SK < :until",
        // "~" comes after the "#" behind a time.
        ExpressionAttributeValues: { ":due": duePartition, ":until": `${nowIso}~` },
      });
      const deliveries = await readInOrder(found, limit);
      // The index may lag behind what stands.
      return deliveries.filter(
        ({ status, nextAttemptAt }) => status === "pending" && nextAttemptAt !== null && nextAttemptAt <= nowIso,
      );
    },

    updateDelivery: (before, after) =>
      put(buildDeliveryItem(after), {
        ConditionExpression: "version = :version",
        ExpressionAttributeValues: { ":version": before.version },
      }),

    async getPosition() {
      const { Item: item } = await table
        .client()
        .send(new GetCommand({ TableName: table.name, Key: positionKey, ConsistentRead: true }));
      return Number(item?.position ?? 0);
    },

    async setPosition(position) {
      await put({ ...positionKey, position });
    },
  };
}
