import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteDeadLetterStore } from "../../adapters/embedded/dead-letter-store.ts";
import { createSqliteEventLog } from "../../adapters/embedded/event-log.ts";
import { createSqliteJobQueue } from "../../adapters/embedded/job-queue.ts";
import { createSqliteJobStore } from "../../adapters/embedded/job-store.ts";
import { createSqlitePurge } from "../../adapters/embedded/purge.ts";
import { createSqliteResultCache } from "../../adapters/embedded/result-cache.ts";
import { createSqliteWebhookStore } from "../../adapters/embedded/webhook-store.ts";
import type { Job } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import { isoTime } from "../../core/platform.ts";
import type { Delivery } from "../../core/webhook-ports.ts";
import { buildTestJob, claimed, failed, succeeded } from "../fixtures/jobs.ts";

const day = 24 * 3_600_000;

describe("rows that have outlived their time", () => {
  let database: ReturnType<typeof openDatabase>;
  let nowMs: number;
  const clock = { now: () => nowMs };
  const purge = () => createSqlitePurge(database, clock)();
  const count = (table: string): number =>
    Number((database.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n);
  beforeEach(() => {
    database = openDatabase(":memory:");
    nowMs = Date.now();
  });
  afterEach(() => database.close());

  const end = async (build: (running: Job) => Job): Promise<Job> => {
    const jobs = createSqliteJobStore(database, clock);
    const { job } = await jobs.create(buildTestJob());
    const running = claimed(job, "run");
    await jobs.update(job, running);
    const ended = build(running);
    await jobs.update(running, ended);
    return ended;
  };

  test("fails when a job goes before its 90 days after its outputs are over, or stays beyond", async () => {
    const jobs = createSqliteJobStore(database, clock);
    const done = await end((job) => ({ ...succeeded(job), expiresAt: isoTime(nowMs + limits.outputsMs) }));
    const lost = await end(failed);
    const waiting = (await jobs.create(buildTestJob())).job;
    const standing = async () => {
      await purge();
      return Promise.all([done, lost, waiting].map(async (job) => (await jobs.get(job)) !== undefined));
    };
    nowMs += limits.itemAfterExpiryMs - day;
    expect(await standing()).toEqual([true, true, true]);
    nowMs += 2 * day;
    expect(await standing()).toEqual([true, false, true]);
    nowMs += limits.outputsMs;
    expect(await standing()).toEqual([false, false, true]);
    expect((await jobs.list("local", { limit: 10 })).jobs).toEqual([waiting]);
  });

  test("fails when a job that was retried is forgotten because it once had ended", async () => {
    const jobs = createSqliteJobStore(database, clock);
    const lost = await end(failed);
    const again: Job = { ...lost, status: "queued", phase: "waiting", attempt: 2, error: null, finishedAt: null };
    await jobs.update(lost, { ...again, version: lost.version + 1 });
    nowMs += 400 * day;
    await purge();
    expect((await jobs.get(lost))?.attempt).toBe(2);
  });

  test("fails when a pulse outlives its run", async () => {
    await end(failed);
    expect(count("pulses")).toBe(0);
  });

  test("fails when an event goes unread, or before its week, or stays beyond", async () => {
    const [jobs, events, webhooks] = [
      createSqliteJobStore(database, clock),
      createSqliteEventLog(database),
      createSqliteWebhookStore(database),
    ];
    for (let index = 0; index < 450; index += 1) await jobs.create(buildTestJob());
    nowMs += limits.eventMs + day;
    // Nobody has read anything yet.
    await purge();
    expect(count("events")).toBe(450);
    const position = (await events.read(0, 1_000))[419]?.position ?? 0;
    await webhooks.setPosition(position);
    await purge();
    expect(count("events")).toBe(30);
    expect((await events.read(position, 1_000)).length).toBe(30);
    await webhooks.setPosition(position + 30);
    await jobs.create(buildTestJob({ updatedAt: isoTime(nowMs) }));
    await webhooks.setPosition(position + 31);
    await purge();
    expect((await events.read(0, 1_000)).map((entry) => entry.position)).toEqual([position + 31]);
  });

  test("fails when dead letters, keys of idempotency or of repeats outlive their time", async () => {
    const letters = createSqliteDeadLetterStore(database, clock);
    const jobs = createSqliteJobStore(database, clock);
    const queue = createSqliteJobQueue(database, clock, { visibilityTimeoutMs: 1, maxReceiveCount: 5 });
    const expiresAt = isoTime(nowMs + limits.deadLetterMs);
    await letters.put({ id: "letter", body: "{}", reason: "none", at: isoTime(nowMs), expiresAt });
    for (let index = 0; index < 250; index += 1) await jobs.create(buildTestJob(), `key-${index}`);
    await queue.send({ body: "{}", groupId: "group", deduplicationId: "once" });
    const standing = async () => {
      await purge();
      return [count("dead_letters"), count("idempotency_keys"), count("deduplication")];
    };
    nowMs += 60_000;
    expect(await standing()).toEqual([1, 250, 1]);
    nowMs += 3_600_000;
    expect(await standing()).toEqual([1, 250, 0]);
    nowMs += limits.idempotencyMs;
    expect(await standing()).toEqual([1, 0, 0]);
    nowMs += limits.deadLetterMs;
    expect(await standing()).toEqual([0, 0, 0]);
    // The message itself waits for as long as it must.
    expect(count("messages")).toBe(1);
  });

  test("fails when a delivery goes while it is pending or young, or stays beyond its month", async () => {
    const webhooks = createSqliteWebhookStore(database);
    const build = (deliveryId: string, status: Delivery["status"]): Delivery => ({
      deliveryId,
      endpointId: "endpoint",
      owner: "local",
      eventType: "job.queued.v1",
      payload: "{}",
      status,
      attempts: 1,
      nextAttemptAt: null,
      lastStatus: null,
      lastError: null,
      createdAt: isoTime(nowMs),
      version: 1,
    });
    for (const status of ["pending", "succeeded", "failed"] as const)
      await webhooks.createDelivery(build(status, status));
    nowMs += limits.deliveryMs - day;
    await webhooks.createDelivery(build("young", "failed"));
    nowMs += 2 * day;
    await purge();
    const left = (await webhooks.listDeliveries("local", "endpoint", 10)).map((delivery) => delivery.deliveryId);
    expect(left.toSorted()).toEqual(["pending", "young"]);
  });

  test("fails when a cached result goes while it can serve, or a lapsed one stays for ever", async () => {
    const cache = createSqliteResultCache(database);
    const holder = { owner: "local", jobId: "leader", attempt: 1 };
    await cache.swap(undefined, { key: "key", holder, leaseUntil: nowMs + 600_000, manifest: null });
    nowMs += limits.cacheEntryMs + day;
    await purge();
    expect(await cache.get("key")).toBeDefined();
    nowMs += limits.cacheEntryMs;
    await purge();
    expect(await cache.get("key")).toBeUndefined();
  });

  test("fails when a purge of many rows keeps everybody else from being heard", async () => {
    const jobs = createSqliteJobStore(database, clock);
    await Promise.all(Array.from({ length: 1_000 }, (_, index) => jobs.create(buildTestJob(), `key-${index}`)));
    nowMs += limits.idempotencyMs + 1;
    const purged = purge();
    const turns = setImmediateTurns(() => count("idempotency_keys"));
    await purged;
    expect(new Set(await turns).size, "seen in between").toBeGreaterThan(3);
    expect(count("idempotency_keys")).toBe(0);
  });
});

/** What `look` sees in the next turns of the event loop. */
async function setImmediateTurns(look: () => number): Promise<number[]> {
  const seen: number[] = [];
  for (let turn = 0; turn < 40; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    seen.push(look());
  }
  return seen;
}
