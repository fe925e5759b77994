import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Database, openDatabase } from "../../adapters/embedded/database.ts";
import { createSqliteJobQueue } from "../../adapters/embedded/job-queue.ts";
import { createSqliteJobStore } from "../../adapters/embedded/job-store.ts";
import { type OfferedPorts, servePorts } from "../../adapters/embedded/port-channel.ts";
import { createSqliteResultCache } from "../../adapters/embedded/result-cache.ts";
import type { MixdownError } from "../../core/errors.ts";
import { buildTestJob } from "../fixtures/jobs.ts";

const script = fileURLToPath(new URL("../fixtures/calling-worker.ts", import.meta.url));

describe("ports over a worker's channel", () => {
  let folder: string;
  let log: string;
  let database: Database;
  let ports: OfferedPorts;
  let child: ChildProcess | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mixdown-channel-"));
    log = join(folder, "log");
    database = openDatabase(":memory:");
    const clock = { now: () => 0 };
    ports = {
      jobs: createSqliteJobStore(database, clock),
      cache: createSqliteResultCache(database),
      queue: createSqliteJobQueue(database, clock, { visibilityTimeoutMs: 1_000, maxReceiveCount: 3 }),
    };
  });
  afterEach(() => {
    child?.kill("SIGKILL");
    database.close();
    rmSync(folder, { recursive: true });
  });

  const notes = (): unknown[] =>
    existsSync(log)
      ? readFileSync(log, "utf8")
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line))
      : [];
  const start = (step: string): ChildProcess => {
    child = spawn(process.execPath, [script, log, step], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    servePorts(child, ports);
    return child;
  };
  const run = async (step: string): Promise<unknown[]> => {
    const [exitCode] = await once(start(step), "exit");
    expect(exitCode).toBe(0);
    return notes();
  };

  test("fails when a call, its result or its error changes on the way", async () => {
    const job = buildTestJob({ jobId: "job-1", metadata: { name: "Zoë 🎧" } });
    await ports.jobs.create(job);
    const illegal = await ports.jobs.update(job, { ...job, version: 9 }).catch((error: unknown) => error);
    const { code, message, retryable, hint } = illegal as MixdownError;
    const many = Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? "key" : null));
    expect(await run("calls")).toEqual([
      job,
      "undefined",
      { name: "MixdownError", code, message, retryable, hint },
      true,
      true,
      false,
      "undefined",
      many,
    ]);
    expect(await ports.jobs.get(job)).toMatchObject({ launchNumber: 7 });
    expect((await ports.queue.receive(1)).map((found) => found.body)).toEqual(["{}"]);
  });

  test("fails when a worker can call what is not offered, or waits for an answer for ever", async () => {
    const refused = { name: "MixdownError", code: "platform_internal", retryable: false };
    expect(await run("forbidden")).toMatchObject([
      { ...refused, message: "A worker may not call jobs.create." },
      { ...refused, message: "A worker may not call queue.receive." },
      { ...refused, message: "A worker may not call jobs.constructor." },
    ]);
    expect(await ports.jobs.list("local", { limit: 10 })).toEqual({ jobs: [], next: null });
  });

  test("fails when nonsense from a worker harms the platform, or the next call", async () => {
    expect(await run("nonsense")).toEqual(["undefined"]);
  });

  test("fails when a store's failure is anything but that call's failure", async () => {
    ports = { ...ports, jobs: { ...ports.jobs, get: () => Promise.reject(new TypeError("out of order")) } };
    expect(await run("nonsense")).toMatchObject([{ code: "platform_internal", message: "out of order" }]);
  });

  test("fails when a worker without a platform waits for ever", async () => {
    ports = { ...ports, jobs: { ...ports.jobs, get: () => new Promise(() => {}) } };
    const worker = start("lost");
    const exited = once(worker, "exit");
    await vi.waitFor(() => expect(notes()).toEqual(["asked"]), { timeout: 10_000, interval: 10 });
    worker.disconnect();
    await exited;
    expect(notes()).toMatchObject(["asked", { code: "platform_worker_lost" }, { code: "platform_worker_lost" }]);
  });

  test("fails when a worker that dies during a call harms the platform", async () => {
    let answer: (() => void) | undefined;
    const asked = new Promise<void>((resolve) => {
      const get = () =>
        new Promise<undefined>((settle) => {
          answer = () => settle(undefined);
          resolve();
        });
      ports = { ...ports, jobs: { ...ports.jobs, get } };
    });
    const worker = start("lost");
    const exited = once(worker, "exit");
    await asked;
    worker.kill("SIGKILL");
    await exited;
    answer?.();
    await new Promise((resolve) => setImmediate(resolve));
    expect(worker.connected).toBe(false);
  });
});
