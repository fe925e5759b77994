import type { Delivery, WebhookEndpoint, WebhookStore } from "../../core/webhook-ports.ts";
import type { Database } from "./database.ts";

const parse = <T>(row: unknown): T => JSON.parse((row as { document: string }).document);

export function createSqliteWebhookStore(database: Database): WebhookStore {
  const write = (delivery: Delivery) =>
    [delivery.status, delivery.nextAttemptAt, delivery.version, JSON.stringify(delivery)] as const;
  return {
    async putEndpoint(endpoint) {
      database
        .prepare("INSERT OR REPLACE INTO webhook_endpoints (owner, endpoint_id, document) VALUES (?, ?, ?)")
        .run(endpoint.owner, endpoint.endpointId, JSON.stringify(endpoint));
    },
    async getEndpoint(owner, endpointId) {
      const row = database
        .prepare("SELECT document FROM webhook_endpoints WHERE owner = ? AND endpoint_id = ?")
        .get(owner, endpointId);
      return row === undefined ? undefined : parse<WebhookEndpoint>(row);
    },
    async listEndpoints(owner) {
      return database
        .prepare("SELECT document FROM webhook_endpoints WHERE owner = ? ORDER BY endpoint_id")
        .all(owner)
        .map((row) => parse<WebhookEndpoint>(row));
    },
    async removeEndpoint(owner, endpointId) {
      return database.transaction(() => {
        database.prepare("DELETE FROM deliveries WHERE owner = ? AND endpoint_id = ?").run(owner, endpointId);
        const gone = database
          .prepare("DELETE FROM webhook_endpoints WHERE owner = ? AND endpoint_id = ?")
          .run(owner, endpointId);
        return gone.changes === 1;
      });
    },
    async createDelivery(delivery) {
      const { changes } = database
        .prepare(
          `INSERT INTO deliveries (owner, delivery_id, endpoint_id, created_at, status, next_attempt_at, version, document)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
        )
        .run(delivery.owner, delivery.deliveryId, delivery.endpointId, delivery.createdAt, ...write(delivery));
      return changes === 1;
    },
    async getDelivery(owner, deliveryId) {
      const row = database
        .prepare("SELECT document FROM deliveries WHERE owner = ? AND delivery_id = ?")
        .get(owner, deliveryId);
      return row === undefined ? undefined : parse<Delivery>(row);
    },
    async listDeliveries(owner, endpointId, limit) {
      return database
        .prepare(
          "SELECT document FROM deliveries WHERE owner = ? AND endpoint_id = ? ORDER BY created_at DESC, delivery_id LIMIT ?",
        )
        .all(owner, endpointId, limit)
        .map((row) => parse<Delivery>(row));
    },
    async listDue(nowIso, limit) {
      return database
        .prepare(
          "SELECT document FROM deliveries WHERE status = 'pending' AND next_attempt_at <= ? ORDER BY next_attempt_at LIMIT ?",
        )
        .all(nowIso, limit)
        .map((row) => parse<Delivery>(row));
    },
    async updateDelivery(before, after) {
      const { changes } = database
        .prepare(
          `UPDATE deliveries SET status = ?, next_attempt_at = ?, version = ?, document = ?
           WHERE owner = ? AND delivery_id = ? AND version = ?`,
        )
        .run(...write(after), before.owner, before.deliveryId, before.version);
      return changes === 1;
    },
    async getPosition() {
      const row = database.prepare("SELECT position FROM feed_positions WHERE reader = 'webhooks'").get();
      return (row as { position: number } | undefined)?.position ?? 0;
    },
    async setPosition(position) {
      database.prepare("INSERT OR REPLACE INTO feed_positions VALUES ('webhooks', ?)").run(position);
    },
  };
}
