import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteJobQueue } from "../../adapters/embedded/job-queue.ts";
import { jobQueueContract } from "./job-queue.ts";
import type { OpenedJobQueue } from "./job-queue-fixture.ts";

const settings = { visibilityTimeoutMs: 10_000, maxReceiveCount: 3 };

async function open(): Promise<OpenedJobQueue> {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-queue-"));
  const [first, second] = [openDatabase(join(folder, "store")), openDatabase(join(folder, "store"))];
  let now = Date.parse("2026-05-01T00:00:00Z");
  const clock = { now: () => now };
  return {
    queue: createSqliteJobQueue(first, clock, settings),
    other: createSqliteJobQueue(second, clock, settings),
    ...settings,
    pass: async (ms) => {
      now += ms;
    },
    hasClock: true,
    patienceMs: 0,
    close: async () => {
      first.close();
      second.close();
      rmSync(folder, { recursive: true });
    },
  };
}

jobQueueContract("SQLite", open);

test("fails when a platform that has just started must wait for what the last one held", async () => {
  const database = openDatabase(":memory:");
  const queue = createSqliteJobQueue(database, { now: () => 0 }, settings);
  await queue.send({ body: "a1", groupId: "a", deduplicationId: "1" });
  await queue.send({ body: "a2", groupId: "a", deduplicationId: "2" });
  const [lost] = await queue.receive(1);
  await queue.handBackAll();
  await queue.acknowledge(lost?.receipt ?? "");
  expect((await queue.receive(10)).map(({ body, receiveCount }) => `${body} ${receiveCount}`)).toEqual(["a1 2"]);
  database.close();
});

test("fails when a group that came later is served first, so that the oldest may starve", async () => {
  const database = openDatabase(":memory:");
  const queue = createSqliteJobQueue(database, { now: () => 0 }, settings);
  for (const group of ["z", "m", "a"]) await queue.send({ body: group, groupId: group, deduplicationId: group });
  expect((await queue.receive(2)).map((message) => message.body)).toEqual(["z", "m"]);
  expect((await queue.receive(2)).map((message) => message.body)).toEqual(["a"]);
  database.close();
});
