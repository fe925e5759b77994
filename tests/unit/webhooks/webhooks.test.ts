import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../../../adapters/embedded/database.ts";
import { createSqliteEventLog } from "../../../adapters/embedded/event-log.ts";
import { createSqliteJobStore } from "../../../adapters/embedded/job-store.ts";
import { createSqliteWebhookStore } from "../../../adapters/embedded/webhook-store.ts";
import { buildProgressEvent } from "../../../core/events.ts";
import { createEndpoint, deliverEvent, planDeliveries, replay, rotateSecret, sendDue } from "../../../core/webhooks.ts";
import { buildTestJob } from "../../fixtures/jobs.ts";

let database: ReturnType<typeof openDatabase>;
let nowMs: number;
let answers: (number | Error)[];
let sent: { url: string; headers: Record<string, string>; body: string; at: number }[];
let deps: Parameters<typeof sendDue>[0];

beforeEach(() => {
  database = openDatabase(":memory:");
  // The reference library compares the time stamp with the true time.
  nowMs = Date.now();
  answers = [];
  sent = [];
  const clock = { now: () => nowMs };
  deps = {
    webhooks: createSqliteWebhookStore(database),
    events: createSqliteEventLog(database),
    clock,
    sender: {
      send: async ({ url, headers, body }) => {
        sent.push({ url, headers: { ...headers }, body, at: nowMs });
        const next = answers.shift() ?? 200;
        if (next instanceof Error) throw next;
        return { status: next };
      },
    },
  };
});
afterEach(() => database.close());

/** A job of `owner` comes into being, which is an event. */
const happen = async (jobId: string, owner = "local") => {
  const at = new Date(nowMs).toISOString();
  await createSqliteJobStore(database, deps.clock).create(
    buildTestJob({ jobId, owner, createdAt: at, updatedAt: at, queuedAt: at }),
  );
};
const pass = async (ms = 0) => {
  nowMs += ms;
  await planDeliveries(deps);
  await sendDue(deps);
};
const endpointOf = (owner = "local", events?: Parameters<typeof createEndpoint>[2]["events"]) =>
  createEndpoint(deps, owner, { url: "https://hooks.example/x", events });

test("fails when the reference library does not verify what is sent, or verifies it when one byte is another", async () => {
  const endpoint = await endpointOf();
  await happen("j");
  await pass();
  const [delivery] = sent;
  const reference = new Webhook(endpoint.secret);
  expect(reference.verify(delivery?.body ?? "", delivery?.headers ?? {})).toMatchObject({
    type: "job.queued.v1",
    data: { jobId: "j" },
  });
  expect(() => reference.verify(`${delivery?.body} `, delivery?.headers ?? {})).toThrow();
});

test("fails when old and new secret do not both verify while they overlap, or the old one does for ever", async () => {
  const before = await endpointOf();
  const after = await rotateSecret(deps, before);
  await happen("j");
  await pass();
  for (const secret of [before.secret, after.secret])
    new Webhook(secret).verify(sent[0]?.body ?? "", sent[0]?.headers ?? {});
  nowMs += 25 * 3_600_000;
  await happen("k");
  await pass();
  expect(sent[1]?.headers["webhook-signature"]?.split(" ")).toHaveLength(1);
});

test("fails when an event is delivered twice, to another owner, or to an endpoint that does not want it", async () => {
  await endpointOf();
  await endpointOf("acme");
  await endpointOf("local", ["job.succeeded.v1"]);
  await happen("j");
  await pass();
  await pass();
  await deps.webhooks.setPosition(0);
  await pass();
  expect(sent).toHaveLength(1);
});

test("fails when a receiver that fails is not tried again later and later, under one id, over days", async () => {
  const endpoint = await endpointOf();
  answers = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 500 : new Error("connection refused")));
  await happen("j");
  await pass();
  for (let step = 0; step < 400; step++) await pass(1_800_000);
  expect(sent).toHaveLength(10);
  expect(new Set(sent.map((one) => one.headers["webhook-id"])).size).toBe(1);
  const days = ((sent.at(-1)?.at ?? 0) - (sent[0]?.at ?? 0)) / 86_400_000;
  expect(days).toBeGreaterThan(2.5);
  expect(await deps.webhooks.listDeliveries("local", endpoint.endpointId, 10)).toMatchObject([
    { status: "failed", attempts: 10, nextAttemptAt: null, lastError: expect.any(String) },
  ]);
});

test("fails when 410 does not disable the endpoint, or a disabled one is called", async () => {
  const endpoint = await endpointOf();
  answers = [410];
  await happen("j");
  await pass();
  await happen("k");
  await pass(3_600_000);
  expect(sent).toHaveLength(1);
  expect(await deps.webhooks.getEndpoint("local", endpoint.endpointId)).toMatchObject({
    disabledReason: expect.stringContaining("410"),
  });
});

test("fails when a replay is not the same message under the same id, or a success is tried again by itself", async () => {
  const endpoint = await endpointOf();
  await happen("j");
  await pass();
  await pass(86_400_000);
  expect(sent).toHaveLength(1);
  const [delivery] = await deps.webhooks.listDeliveries("local", endpoint.endpointId, 1);
  await replay(deps, "local", delivery?.deliveryId ?? "");
  await pass();
  expect(sent[1]).toMatchObject({ body: sent[0]?.body, headers: { "webhook-id": sent[0]?.headers["webhook-id"] } });
  await expect(replay(deps, "acme", delivery?.deliveryId ?? "")).rejects.toMatchObject({ code: "usage_not_found" });
});

test.each(["ftp://x.example", "file:///etc/passwd", "nonsense", "https://user:pw@x.example"])(
  "fails when %s is taken as an endpoint",
  async (url) => {
    await expect(createEndpoint(deps, "local", { url })).rejects.toMatchObject({ code: "usage_invalid" });
  },
);

test("fails when progress goes to an endpoint that did not name it", async () => {
  const sender = { calls: { schedule: async () => {}, cancel: async () => {} }, ...deps };
  const job = buildTestJob({ jobId: "j", createdAt: new Date(nowMs).toISOString() });
  const progress = { percent: 50, etaSeconds: null };
  const event = buildProgressEvent(job, { runId: "r", phase: "processing", progress, at: nowMs });
  await endpointOf();
  await deliverEvent(sender, event);
  expect(sent).toEqual([]);
  await endpointOf("local", ["job.progress.v1"]);
  await deliverEvent(sender, event);
  expect(sent).toHaveLength(1);
});
