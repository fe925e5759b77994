import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteEventLog } from "../../adapters/embedded/event-log.ts";
import { createSqliteJobQueue } from "../../adapters/embedded/job-queue.ts";
import { createSqliteJobStore } from "../../adapters/embedded/job-store.ts";
import { buildTestJob } from "../fixtures/jobs.ts";

const writer = fileURLToPath(new URL("../fixtures/sqlite-writer.ts", import.meta.url));
const adapter = fileURLToPath(new URL("../../adapters/embedded/database.ts", import.meta.url));

describe("the store's file", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mixdown-database-"));
    path = join(folder, "store");
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test("fails when processes that open, write and consume one file at once lose or double anything", async () => {
    const names = ["a", "b", "c", "d"];
    const increments = 15;
    const children = names.map((name) =>
      spawn(process.execPath, [writer, path, name, String(increments)], { stdio: ["ignore", "pipe", "inherit"] }),
    );
    const results = await Promise.all(
      children.map(async (child) => {
        const [output, [exitCode]] = await Promise.all([text(child.stdout), once(child, "exit")]);
        expect(exitCode).toBe(0);
        return JSON.parse(output) as { created: boolean; keyed: boolean; won: boolean; consumed: string[] };
      }),
    );
    const database = openDatabase(path);
    const jobs = createSqliteJobStore(database, systemClock);
    const queue = createSqliteJobQueue(database, systemClock, { visibilityTimeoutMs: 1, maxReceiveCount: 9 });
    const shared = await jobs.get({ owner: "local", jobId: "shared" });
    const winner = await jobs.get({ owner: "local", jobId: "claimed" });
    const listed = await jobs.list("local", { limit: 100 });
    const rest = (await queue.receive(10)).map((message) => message.body);
    const events = await createSqliteEventLog(database).read(0, 100);
    database.close();
    expect(results.filter((result) => result.created)).toHaveLength(1);
    expect(results.filter((result) => result.keyed)).toHaveLength(1);
    expect(results.filter((result) => result.won)).toHaveLength(1);
    expect(shared).toMatchObject({ launchNumber: names.length * increments, version: names.length * increments + 1 });
    expect(winner?.runId).toBe(names[results.findIndex((result) => result.won)]);
    expect(listed.jobs).toHaveLength(3);
    expect(rest).toEqual([]);
    // Each of the numbers was sent by all four and accepted once.
    const consumed = results.flatMap((result) => result.consumed);
    expect(consumed.map((body) => Number(body.split("-")[1])).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: increments }, (_, index) => index + 1),
    );
    expect(events.map((entry) => entry.event.type).toSorted()).toEqual([
      "job.queued.v1",
      "job.queued.v1",
      "job.queued.v1",
      "job.started.v1",
    ]);
  });

  test("fails when what was accepted might not survive a power cut, or readers wait for writers", () => {
    const database = openDatabase(path);
    expect(database.prepare("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    expect(database.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
    const reader = openDatabase(path);
    database.transaction(() => {
      expect(reader.prepare("SELECT count(*) AS jobs FROM jobs").get()).toEqual({ jobs: 0 });
    });
    database.close();
    reader.close();
  });

  test("fails when a transaction may find, after it has read, that another was faster to write", () => {
    const database = openDatabase(path);
    const stranger = new DatabaseSync(path, { timeout: 0 });
    database.transaction(() => {
      expect(() => stranger.exec("BEGIN IMMEDIATE")).toThrow(/locked/);
    });
    stranger.close();
    database.close();
  });

  test("fails when a transaction that throws leaves half of its work, or the next cannot begin", async () => {
    const database = openDatabase(path);
    const insert = "INSERT INTO deduplication VALUES (?, 0)";
    expect(() =>
      database.transaction(() => {
        database.prepare(insert).run("half");
        throw new Error("stop");
      }),
    ).toThrow("stop");
    database.transaction(() => database.prepare(insert).run("whole"));
    expect(database.prepare("SELECT id FROM deduplication").all()).toEqual([{ id: "whole" }]);
    database.close();
  });

  test("fails when a store is not the same after it was closed and opened", async () => {
    const job = buildTestJob();
    const first = openDatabase(path);
    await createSqliteJobStore(first, systemClock).create(job);
    first.close();
    const second = openDatabase(path);
    expect(await createSqliteJobStore(second, systemClock).get(job)).toEqual(job);
    second.close();
  });

  test("fails when a store that a newer version made is written to", () => {
    const database = openDatabase(path);
    database.prepare("PRAGMA user_version = 1000").run();
    database.close();
    expect(() => openDatabase(path)).toThrow(
      expect.objectContaining({ code: "usage_invalid", message: expect.stringContaining("newer version") }),
    );
  });

  test("fails when a file that is no store, or a place where none can be, is told as anything else", () => {
    writeFileSync(
      path,
      "something else entirely, and long enough to have a header of SQLite's hundred bytes".repeat(20),
    );
    expect(() => openDatabase(path)).toThrow(expect.objectContaining({ code: "platform_internal", retryable: false }));
    expect(() => openDatabase(join(folder, "no", "folder"))).toThrow(
      expect.objectContaining({ code: "input_output_unwritable" }),
    );
  });

  test("fails when a full disk is not told as such", async () => {
    const database = openDatabase(path);
    const { page_count: pages } = database.prepare("PRAGMA page_count").get() as { page_count: number };
    database.prepare(`PRAGMA max_page_count = ${pages}`).get();
    const jobs = createSqliteJobStore(database, systemClock);
    const job = buildTestJob({ metadata: { long: "x".repeat(100_000) } });
    await expect(jobs.create(job)).rejects.toMatchObject({ code: "platform_disk_full" });
    expect(await jobs.get(job)).toBeUndefined();
    await database.prepare("PRAGMA max_page_count = 100000").get();
    expect((await jobs.create(job)).created).toBe(true);
    database.close();
  });

  test("fails when Node's word on node:sqlite reaches the terminal, or other warnings do not", () => {
    const code = `import { openDatabase } from ${JSON.stringify(adapter)};
      openDatabase(":memory:").close(); process.emitWarning("something else");`;
    const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
    expect(stderr).not.toMatch(/SQLite/i);
    expect(stderr).toMatch(/something else/);
  });
});
