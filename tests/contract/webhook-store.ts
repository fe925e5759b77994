import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isoTime } from "../../core/platform.ts";
import type { Delivery, WebhookEndpoint, WebhookStore } from "../../core/webhook-ports.ts";

export interface OpenedWebhookStore {
  readonly webhooks: WebhookStore;
  /** The same store as another process sees it. */
  readonly other: WebhookStore;
  close(): Promise<void>;
}

const epoch = Date.parse("2026-05-01T00:00:00Z");
const at = (seconds: number): string => isoTime(epoch + seconds * 1_000);

const buildEndpoint = (endpointId: string, overrides: Partial<WebhookEndpoint> = {}): WebhookEndpoint => ({
  endpointId,
  owner: "local",
  url: "https://example.org/hook",
  events: ["job.succeeded.v1"],
  secret: "whsec_c2VjcmV0",
  previousSecret: null,
  previousSecretUntil: null,
  disabledAt: null,
  disabledReason: null,
  createdAt: at(0),
  ...overrides,
});

const buildDelivery = (deliveryId: string, overrides: Partial<Delivery> = {}): Delivery => ({
  deliveryId,
  endpointId: "end",
  owner: "local",
  eventType: "job.succeeded.v1",
  payload: '{"text":"Zoë 🎧"}',
  status: "pending",
  attempts: 0,
  nextAttemptAt: at(0),
  lastStatus: null,
  lastError: null,
  createdAt: at(0),
  version: 1,
  ...overrides,
});

/** What every WebhookStore must do. `open` gives an empty one. */
export function webhookStoreContract(name: string, open: () => Promise<OpenedWebhookStore>): void {
  describe(`${name} as a WebhookStore`, () => {
    let opened: OpenedWebhookStore;
    let webhooks: WebhookStore;
    beforeEach(async () => {
      opened = await open();
      webhooks = opened.webhooks;
    });
    afterEach(() => opened.close());

    const idsOf = (deliveries: readonly Delivery[]) => deliveries.map((delivery) => delivery.deliveryId);

    test("fails when an endpoint is changed, lost, or another owner's", async () => {
      const endpoint = buildEndpoint("b");
      await webhooks.putEndpoint(buildEndpoint("b", { url: "https://example.org/old" }));
      await webhooks.putEndpoint(endpoint);
      await webhooks.putEndpoint(buildEndpoint("a"));
      await webhooks.putEndpoint(buildEndpoint("c", { owner: "acme" }));
      expect(await opened.other.getEndpoint("local", "b")).toEqual(endpoint);
      expect(await webhooks.getEndpoint("acme", "b")).toBeUndefined();
      expect((await opened.other.listEndpoints("local")).map((one) => one.endpointId)).toEqual(["a", "b"]);
    });

    test("fails when an endpoint leaves deliveries behind, takes others' with it, or is removed by another owner", async () => {
      await webhooks.putEndpoint(buildEndpoint("end"));
      for (const deliveryId of ["one", "two"]) await webhooks.createDelivery(buildDelivery(deliveryId));
      await webhooks.createDelivery(buildDelivery("kept", { endpointId: "another" }));
      expect(await webhooks.removeEndpoint("acme", "end")).toBe(false);
      expect(await webhooks.removeEndpoint("local", "end")).toBe(true);
      expect(await webhooks.getEndpoint("local", "end")).toBeUndefined();
      expect(await webhooks.listDeliveries("local", "end", 10)).toEqual([]);
      expect(idsOf(await opened.other.listDue(at(9), 10))).toEqual(["kept"]);
      expect(await webhooks.removeEndpoint("local", "end")).toBe(false);
    });

    test("fails when a delivery is made twice, or read otherwise than it was written", async () => {
      const delivery = buildDelivery("one");
      const made = await Promise.all([webhooks.createDelivery(delivery), opened.other.createDelivery(delivery)]);
      expect(made.filter(Boolean)).toHaveLength(1);
      expect(await webhooks.createDelivery({ ...delivery, payload: "another" })).toBe(false);
      expect(await opened.other.getDelivery("local", "one")).toEqual(delivery);
      expect(await webhooks.getDelivery("acme", "one")).toBeUndefined();
    });

    test("fails when deliveries are not listed newest first, or more than were asked for", async () => {
      for (const [index, deliveryId] of ["b", "a", "c"].entries()) {
        await webhooks.createDelivery(buildDelivery(deliveryId, { createdAt: at(index) }));
      }
      await webhooks.createDelivery(buildDelivery("other", { endpointId: "another" }));
      expect(idsOf(await webhooks.listDeliveries("local", "end", 10))).toEqual(["c", "a", "b"]);
      expect(idsOf(await opened.other.listDeliveries("local", "end", 2))).toEqual(["c", "a"]);
    });

    test("fails when what is due is missing, early, over, or not the longest waiting first", async () => {
      await webhooks.createDelivery(buildDelivery("later", { nextAttemptAt: at(5) }));
      await webhooks.createDelivery(buildDelivery("now", { nextAttemptAt: at(3), owner: "acme" }));
      await webhooks.createDelivery(buildDelivery("first", { nextAttemptAt: at(1) }));
      const over = buildDelivery("over");
      await webhooks.createDelivery(over);
      await webhooks.updateDelivery(over, { ...over, status: "succeeded", nextAttemptAt: null, version: 2 });
      expect(idsOf(await opened.other.listDue(at(3), 10))).toEqual(["first", "now"]);
      expect(idsOf(await webhooks.listDue(at(9), 2))).toEqual(["first", "now"]);
      expect(await webhooks.listDue(at(0), 10)).toEqual([]);
    });

    test("fails when two of many that take one delivery succeed, or an unknown one is written", async () => {
      const delivery = buildDelivery("one");
      await webhooks.createDelivery(delivery);
      const takes = Array.from({ length: 8 }, (_, index) => ({ ...delivery, attempts: index + 1, version: 2 }));
      const won = await Promise.all(
        takes.map((taken, index) => (index % 2 === 0 ? webhooks : opened.other).updateDelivery(delivery, taken)),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await webhooks.getDelivery("local", "one")).toEqual(takes[won.indexOf(true)]);
      const unknown = buildDelivery("unknown");
      expect(await webhooks.updateDelivery(unknown, { ...unknown, version: 2 })).toBe(false);
      expect(await webhooks.getDelivery("local", "unknown")).toBeUndefined();
    });

    test("fails when the place in the feed is lost", async () => {
      expect(await webhooks.getPosition()).toBe(0);
      await webhooks.setPosition(41);
      await opened.other.setPosition(42);
      expect(await webhooks.getPosition()).toBe(42);
    });
  });
}
