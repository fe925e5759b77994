import { z } from "zod";
import { eventTypes } from "./events.ts";

export const webhookEventTypes = eventTypes.filter((type) => type.startsWith("job."));

/** Where an owner wants to be told. Times are ISO 8601. */
export const webhookEndpointSchema = z.object({
  endpointId: z.string(),
  owner: z.string(),
  url: z.string(),
  /** Empty: all but progress. */
  events: z.array(z.enum(eventTypes)),
  /** `whsec_` and 256 random bits in base64. */
  secret: z.string(),
  /** Signs too until `previousSecretUntil`, so that a receiver can change over. */
  previousSecret: z.string().nullable(),
  previousSecretUntil: z.iso.datetime().nullable(),
  disabledAt: z.iso.datetime().nullable(),
  disabledReason: z.string().nullable(),
  createdAt: z.iso.datetime(),
});
export type WebhookEndpoint = z.infer<typeof webhookEndpointSchema>;

export const deliverySchema = z.object({
  deliveryId: z.string(),
  endpointId: z.string(),
  owner: z.string(),
  eventType: z.enum(eventTypes),
  /** What is sent, byte for byte, each time. */
  payload: z.string(),
  status: z.enum(["pending", "succeeded", "failed"]),
  attempts: z.number().int().nonnegative(),
  nextAttemptAt: z.iso.datetime().nullable(),
  lastStatus: z.number().int().nullable(),
  lastError: z.string().nullable(),
  createdAt: z.iso.datetime(),
  version: z.number().int().positive(),
});
export type Delivery = z.infer<typeof deliverySchema>;

export interface WebhookStore {
  putEndpoint(endpoint: WebhookEndpoint): Promise<void>;
  getEndpoint(owner: string, endpointId: string): Promise<WebhookEndpoint | undefined>;
  listEndpoints(owner: string): Promise<readonly WebhookEndpoint[]>;
  /** Takes its deliveries with it. */
  removeEndpoint(owner: string, endpointId: string): Promise<boolean>;
  /** Nothing happens when the delivery stands already. */
  createDelivery(delivery: Delivery): Promise<boolean>;
  getDelivery(owner: string, deliveryId: string): Promise<Delivery | undefined>;
  /** Newest first. */
  listDeliveries(owner: string, endpointId: string, limit: number): Promise<readonly Delivery[]>;
  /** Pending ones whose time has come. */
  listDue(nowIso: string, limit: number): Promise<readonly Delivery[]>;
  /** Writes `after` where `before`'s version stands. */
  updateDelivery(before: Delivery, after: Delivery): Promise<boolean>;
  /** How far the change feed was turned into deliveries. */
  getPosition(): Promise<number>;
  setPosition(position: number): Promise<void>;
}

/** One POST. Resolves with the status, whatever it is. @throws when nothing answered, or the address is refused */
export interface WebhookSender {
  send(request: {
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }): Promise<{ readonly status: number }>;
}
