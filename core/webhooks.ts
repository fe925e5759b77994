import { createHmac, randomBytes } from "node:crypto";
import { z } from "zod";
import { sha256Hex } from "./canonical-json.ts";
import type { CallScheduler } from "./cloud-ports.ts";
import { MixdownError } from "./errors.ts";
import type { DomainEvent } from "./events.ts";
import { createId, isoTime } from "./platform.ts";
import type { Clock, EventLog } from "./ports.ts";
import type { Delivery, WebhookEndpoint, WebhookSender, WebhookStore } from "./webhook-ports.ts";

export interface WebhookDeps {
  readonly webhooks: WebhookStore;
  readonly events: EventLog;
  readonly sender: WebhookSender;
  readonly clock: Clock;
}

/** Waits between attempts in seconds, as Standard Webhooks 1.0.0 suggests; the last is tried after some three days. */
const retrySeconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;
/** Both secrets sign for this long after a rotation. */
const overlapMs = 24 * 3_600_000;
const endpointsPerOwner = 20;

const createSecret = (): string => `whsec_${randomBytes(32).toString("base64")}`;

/** @throws MixdownError `usage_invalid` */
export async function createEndpoint(
  { webhooks, clock }: Pick<WebhookDeps, "webhooks" | "clock">,
  owner: string,
  request: { readonly url: string; readonly events?: readonly DomainEvent["type"][] | undefined },
): Promise<WebhookEndpoint> {
  checkUrl(request.url);
  if ((await webhooks.listEndpoints(owner)).length >= endpointsPerOwner) {
    throw new MixdownError("usage_invalid", {
      message: `There are ${endpointsPerOwner} webhook endpoints already, which is the most; remove one first.`,
    });
  }
  const endpoint: WebhookEndpoint = {
    endpointId: createId(clock),
    owner,
    url: request.url,
    events: [...(request.events ?? [])],
    secret: createSecret(),
    previousSecret: null,
    previousSecretUntil: null,
    disabledAt: null,
    disabledReason: null,
    createdAt: isoTime(clock.now()),
  };
  await webhooks.putEndpoint(endpoint);
  return endpoint;
}

function checkUrl(text: string): void {
  const url = URL.parse(text);
  const fault =
    url === null
      ? "is no URL"
      : url.protocol !== "https:" && url.protocol !== "http:"
        ? `begins with ${url.protocol}`
        : url.username !== "" || url.password !== ""
          ? "carries a user name or password"
          : null;
  if (fault === null) return;
  throw new MixdownError("usage_invalid", { message: `url ${fault}; give an http or https URL without credentials.` });
}

/** A new secret; the old one signs beside it for a day. */
export async function rotateSecret(
  { webhooks, clock }: Pick<WebhookDeps, "webhooks" | "clock">,
  endpoint: WebhookEndpoint,
): Promise<WebhookEndpoint> {
  const rotated: WebhookEndpoint = {
    ...endpoint,
    secret: createSecret(),
    previousSecret: endpoint.secret,
    previousSecretUntil: isoTime(clock.now() + overlapMs),
  };
  await webhooks.putEndpoint(rotated);
  return rotated;
}

/** Turns what happened since the last call into deliveries, one for each endpoint that wants it. */
export async function planDeliveries({ webhooks, events, clock }: WebhookDeps): Promise<void> {
  for (;;) {
    const page = await events.read(await webhooks.getPosition(), 100);
    const last = page.at(-1);
    if (last === undefined) return;
    for (const { event } of page) {
      for (const endpoint of await webhooks.listEndpoints(event.owner)) {
        if (wants(endpoint, event)) await webhooks.createDelivery(buildDelivery(endpoint, event, clock.now()));
      }
    }
    await webhooks.setPosition(last.position);
  }
}

const wants = (endpoint: WebhookEndpoint, event: DomainEvent): boolean =>
  endpoint.disabledAt === null &&
  event.type.startsWith("job.") &&
  event.time >= endpoint.createdAt &&
  (endpoint.events.length === 0 ? event.type !== "job.progress.v1" : endpoint.events.includes(event.type));

/** The id is made of event and endpoint: planning twice delivers once, and a receiver can tell repeats. */
function buildDelivery(endpoint: WebhookEndpoint, event: DomainEvent, now: number): Delivery {
  return {
    deliveryId: `msg_${sha256Hex(`${event.id}/${endpoint.endpointId}`).slice(0, 32)}`,
    endpointId: endpoint.endpointId,
    owner: endpoint.owner,
    eventType: event.type,
    payload: JSON.stringify({ type: event.type, timestamp: event.time, data: event.data }),
    status: "pending",
    attempts: 0,
    nextAttemptAt: isoTime(now),
    lastStatus: null,
    lastError: null,
    createdAt: isoTime(now),
    version: 1,
  };
}

/** One attempt of one delivery. The time names it: an attempt that was made since then has another. */
export const deliveryTurnSchema = z.object({ owner: z.string(), deliveryId: z.string(), dueAt: z.string() });
export type DeliveryTurn = z.infer<typeof deliveryTurnSchema>;

export type CalledDeps = Pick<WebhookDeps, "webhooks" | "sender" | "clock"> & { readonly calls: CallScheduler };

/**
 * Where nobody looks for what is due: an event is delivered when it happens, and each retry by a call of its own. The
 * event may come twice; what was tried once is left to its calls.
 */
export async function deliverEvent(deps: CalledDeps, event: DomainEvent): Promise<Tried[]> {
  const endpoints = await deps.webhooks.listEndpoints(event.owner);
  const wanting = endpoints.filter((endpoint) => wants(endpoint, event));
  return Promise.all(
    wanting.map(async (endpoint) => {
      const delivery = buildDelivery(endpoint, event, deps.clock.now());
      await deps.webhooks.createDelivery(delivery);
      const standing = await deps.webhooks.getDelivery(delivery.owner, delivery.deliveryId);
      if (standing?.status !== "pending" || standing.attempts > 0) return null;
      return sendOne(deps, standing, callAgain(deps.calls));
    }),
  );
}

/** Makes the attempt that a call is about, unless it was made already. */
export async function takeDeliveryTurn(deps: CalledDeps, { owner, deliveryId, dueAt }: DeliveryTurn): Promise<Tried> {
  const delivery = await deps.webhooks.getDelivery(owner, deliveryId);
  if (delivery?.status !== "pending" || delivery.nextAttemptAt !== dueAt) return null;
  return sendOne(deps, delivery, callAgain(deps.calls));
}

/** Has a delivery's next attempt made when its time comes. */
const callAgain =
  (calls: CallScheduler) =>
  async ({ owner, deliveryId, nextAttemptAt: dueAt }: Delivery): Promise<void> => {
    if (dueAt === null) return;
    const at = Date.parse(dueAt);
    const payload: DeliveryTurn = { owner, deliveryId, dueAt };
    await calls.schedule({ name: `${deliveryId}-${at}`, at, payload });
  };

/** Sends what is due, a few at a time; one slow receiver holds up the others only for its time-out. */
export async function sendDue(deps: WebhookDeps, atOnce = 8): Promise<number> {
  const due = await deps.webhooks.listDue(isoTime(deps.clock.now()), 100);
  const waiting = [...due];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await sendOne(deps, next);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, due.length) }, worker));
  return due.length;
}

/** Whether an attempt reached its receiver; `null` when none was made. */
export type Tried = boolean | null;

/** @param plan is told of the next attempt before this one is made, so that no crash can lose it */
async function sendOne(
  deps: Pick<WebhookDeps, "webhooks" | "sender" | "clock">,
  delivery: Delivery,
  plan: (taken: Delivery) => Promise<void> = async () => {},
): Promise<Tried> {
  const { webhooks, sender, clock } = deps;
  const endpoint = await webhooks.getEndpoint(delivery.owner, delivery.endpointId);
  if (endpoint === undefined || endpoint.disabledAt !== null) {
    await webhooks.updateDelivery(delivery, endDelivery(delivery, "failed", "the endpoint is disabled or gone"));
    return null;
  }
  // Taken before it is sent: two senders do not send one attempt twice, and a crash leaves it for the next retry.
  const attempts = delivery.attempts + 1;
  const waitSeconds = retrySeconds[attempts - 1];
  const nextAttemptAt = waitSeconds === undefined ? null : isoTime(clock.now() + waitSeconds * 1_000);
  const taken: Delivery = { ...delivery, attempts, nextAttemptAt, version: delivery.version + 1 };
  await plan(taken);
  if (!(await webhooks.updateDelivery(delivery, taken))) return null;
  const outcome = await trySend(sender, endpoint, taken, clock.now());
  if (outcome.status === 410) await disable(webhooks, endpoint, "the receiver answered 410 Gone", clock.now());
  const done = outcome.status !== null && outcome.status >= 200 && outcome.status < 300;
  const over = done || outcome.status === 410 || nextAttemptAt === null;
  const seen = { lastStatus: outcome.status, lastError: done ? null : outcome.error, version: taken.version + 1 };
  const after: Delivery = over
    ? { ...taken, ...seen, status: done ? "succeeded" : "failed", nextAttemptAt: null }
    : { ...taken, ...seen };
  await webhooks.updateDelivery(taken, after);
  return done;
}

const endDelivery = (delivery: Delivery, status: "failed", lastError: string): Delivery => ({
  ...delivery,
  status,
  lastError,
  nextAttemptAt: null,
  version: delivery.version + 1,
});

const disable = (webhooks: WebhookStore, endpoint: WebhookEndpoint, reason: string, now: number): Promise<void> =>
  webhooks.putEndpoint({ ...endpoint, disabledAt: isoTime(now), disabledReason: reason });

async function trySend(sender: WebhookSender, endpoint: WebhookEndpoint, delivery: Delivery, now: number) {
  const headers = signDelivery(endpoint, delivery, now);
  try {
    const { status } = await sender.send({ url: endpoint.url, headers, body: delivery.payload });
    return { status, error: `the receiver answered ${status}` };
  } catch (thrown) {
    return { status: null, error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** Standard Webhooks 1.0.0: HMAC-SHA256 over `id.timestamp.body`, one `v1,` signature for each valid secret. */
export function signDelivery(
  endpoint: Pick<WebhookEndpoint, "secret" | "previousSecret" | "previousSecretUntil">,
  delivery: Pick<Delivery, "deliveryId" | "payload">,
  now: number,
): Record<string, string> {
  const timestamp = String(Math.floor(now / 1_000));
  const overlapping = endpoint.previousSecretUntil !== null && Date.parse(endpoint.previousSecretUntil) > now;
  const secrets = [
    endpoint.secret,
    ...(overlapping && endpoint.previousSecret !== null ? [endpoint.previousSecret] : []),
  ];
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const signed = `${delivery.deliveryId}.${timestamp}.${delivery.payload}`;
    return `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
  });
  return {
    "content-type": "application/json",
    "webhook-id": delivery.deliveryId,
    "webhook-timestamp": timestamp,
    "webhook-signature": signatures.join(" "),
  };
}

/** Sends a delivery once more, as a new try of the same message. @throws MixdownError `usage_not_found` */
export async function replay(
  deps: Pick<WebhookDeps, "webhooks" | "clock"> & { readonly calls?: CallScheduler | undefined },
  owner: string,
  deliveryId: string,
): Promise<Delivery> {
  for (;;) {
    const standing = await deps.webhooks.getDelivery(owner, deliveryId);
    if (standing === undefined) {
      throw new MixdownError("usage_not_found", { message: `There is no delivery ${deliveryId.slice(0, 60)}.` });
    }
    const again: Delivery = {
      ...standing,
      status: "pending",
      attempts: 0,
      nextAttemptAt: isoTime(deps.clock.now()),
      version: standing.version + 1,
    };
    if (deps.calls !== undefined) await callAgain(deps.calls)(again);
    if (await deps.webhooks.updateDelivery(standing, again)) return again;
  }
}
