import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../../adapters/embedded/database.ts";
import { createSqliteWebhookStore } from "../../../adapters/embedded/webhook-store.ts";
import type { DeliveryTurn } from "../../../core/webhooks.ts";
import { createEndpoint, replay } from "../../../core/webhooks.ts";
import { createHandler } from "../../../functions/webhooks/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";

interface Call {
  readonly name: string;
  readonly at: number;
  readonly payload: DeliveryTurn;
}

let database: ReturnType<typeof openDatabase>;
let nowMs: number;
let calls: Call[];
let sent: { headers: Record<string, string>; body: string; at: number }[];
let answers: (number | Error)[];
let dieBeforeSending: boolean;
const event = loadEvent<{ detail: { owner: string; time: string } }>("bus-job-succeeded");

beforeEach(() => {
  database = openDatabase(":memory:");
  nowMs = Date.parse(event.detail.time);
  [calls, sent, answers, dieBeforeSending] = [[], [], [], false];
});
afterEach(() => database.close());

const deps = () => ({
  webhooks: createSqliteWebhookStore(database),
  clock: { now: () => nowMs },
  sender: {
    send: async ({ headers, body }: { headers: Readonly<Record<string, string>>; body: string }) => {
      sent.push({ headers: { ...headers }, body, at: nowMs });
      const next = answers.shift() ?? 200;
      if (next instanceof Error) throw next;
      return { status: next };
    },
  },
  calls: {
    schedule: async ({ name, at, payload }: { name: string; at: number; payload: unknown }) => {
      if (!calls.some((call) => call.name === name)) calls.push({ name, at, payload: payload as DeliveryTurn });
      if (dieBeforeSending) throw new Error("killed");
    },
    cancel: async () => {},
  },
});
const endpointOf = (owner = "local") => createEndpoint(deps(), owner, { url: "https://hooks.example/x" });
const handle = (one: unknown) => createHandler(deps(), recordTelemetry())(one);
/** Lets time pass, call by call, as the scheduler does: within the minute after the time, each at least once. */
const passDays = async (days: number) => {
  const end = nowMs + days * 86_400_000;
  for (;;) {
    const next = calls.filter((call) => call.at <= end).sort((a, b) => a.at - b.at)[0];
    if (next === undefined) break;
    calls.splice(calls.indexOf(next), 1);
    nowMs = Math.max(nowMs, next.at + 59_000);
    await handle(next.payload);
    await handle(next.payload);
  }
  nowMs = end;
};
const deliveries = async (endpointId: string) => deps().webhooks.listDeliveries("local", endpointId, 10);

test("fails when an event of the bus is not sent, or its repeat is sent too", async () => {
  const endpoint = await endpointOf();
  await endpointOf("acme");
  await handle(event);
  await handle(event);
  expect(sent).toHaveLength(1);
  expect(sent[0]?.body).toContain('"type":"job.succeeded.v1"');
  expect(sent[0]?.headers["webhook-signature"]).toMatch(/^v1,/);
  expect(await deliveries(endpoint.endpointId)).toMatchObject([{ status: "succeeded", attempts: 1 }]);
});

test("fails when a receiver that fails is not tried again over days, each time by a call of its own", async () => {
  const endpoint = await endpointOf();
  answers = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 500 : new Error("connection refused")));
  await handle(event);
  await passDays(8);
  expect(sent).toHaveLength(10);
  expect(new Set(sent.map((one) => one.headers["webhook-id"])).size).toBe(1);
  expect(((sent.at(-1)?.at ?? 0) - (sent[0]?.at ?? 0)) / 86_400_000).toBeGreaterThan(2.5);
  expect(await deliveries(endpoint.endpointId)).toMatchObject([{ status: "failed", attempts: 10 }]);
});

test("fails when a success is followed by the retry that was planned for its failure", async () => {
  await endpointOf();
  answers = [503, 204];
  await handle(event);
  await passDays(8);
  expect(sent).toHaveLength(2);
  expect(calls).toEqual([]);
});

test("fails when 410 does not disable the endpoint", async () => {
  const endpoint = await endpointOf();
  answers = [410];
  await handle(event);
  await passDays(8);
  expect(sent).toHaveLength(1);
  expect(await deps().webhooks.getEndpoint("local", endpoint.endpointId)).toMatchObject({
    disabledReason: expect.stringContaining("410"),
  });
});

test("fails when a sender that is killed before it sends loses the delivery", async () => {
  await endpointOf();
  dieBeforeSending = true;
  await expect(handle(event)).rejects.toThrow("killed");
  dieBeforeSending = false;
  nowMs += 60_000;
  await handle(event);
  expect(sent).toHaveLength(1);
  await passDays(8);
  expect(sent).toHaveLength(1);
});

test("fails when a replay is not sent by a call, or is sent twice", async () => {
  const endpoint = await endpointOf();
  await handle(event);
  const [delivery] = await deliveries(endpoint.endpointId);
  nowMs += 1_000;
  await replay(deps(), "local", delivery?.deliveryId ?? "");
  await passDays(8);
  expect(sent).toHaveLength(2);
  expect(sent[1]?.body).toBe(sent[0]?.body);
});

test("fails when an event of another shape passes for one of ours", async () => {
  await expect(handle({ "detail-type": "job.succeeded.v1", detail: {} })).rejects.toThrow();
});
