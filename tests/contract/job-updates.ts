import { beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../core/canonical-json.ts";
import type { Job } from "../../core/job.ts";
import { isoTime } from "../../core/platform.ts";
import type { JobStore } from "../../core/ports.ts";
import { buildTestJob, changed, claimed, failed, handedBack, succeeded } from "../fixtures/jobs.ts";
import type { UsedJobStore } from "./job-store-fixture.ts";

/** Which changes of a job every JobStore must keep, and which it must refuse. */
export function jobUpdatesContract(store: UsedJobStore): void {
  const { put, write, eventsOf } = store;
  let jobs: JobStore;
  let other: JobStore;
  beforeEach(() => {
    ({ jobs, other } = store.opened);
  });

  describe("update", () => {
    test("fails when a change is lost, or written over a newer one", async () => {
      const first = await put();
      const second = await write(first, changed(first, { launchNumber: 1 }));
      expect(await jobs.update(first, changed(first, { launchNumber: 9 }))).toBe(false);
      expect(await other.update(first, changed(first, { launchNumber: 9 }))).toBe(false);
      expect(await other.get(first)).toEqual(second);
    });

    test("fails when a job that does not exist is updated", async () => {
      const job = buildTestJob();
      expect(await jobs.update(job, changed(job, { launchNumber: 1 }))).toBe(false);
      expect(await jobs.get(job)).toBeUndefined();
    });

    test("fails when two of many claims at once succeed", async () => {
      const job = await put();
      const claims = Array.from({ length: 16 }, (_, index) => claimed(job, `run-${index}`));
      const won = await Promise.all(claims.map((claim, index) => (index % 2 === 0 ? jobs : other).update(job, claim)));
      expect(won.filter(Boolean)).toHaveLength(1);
      const winner = claims[won.indexOf(true)];
      expect((await jobs.get(job))?.runId).toBe(winner?.runId);
      expect((await eventsOf(job)).map((event) => event.type)).toEqual(["job.queued.v1", "job.started.v1"]);
    });

    test("fails when one of many racing increments is lost", async () => {
      const job = await put();
      const increment = async (store: JobStore): Promise<void> => {
        for (;;) {
          const before = (await store.get(job)) as Job;
          if (await store.update(before, changed(before, { launchNumber: before.launchNumber + 1 }))) return;
        }
      };
      await Promise.all(Array.from({ length: 10 }, (_, index) => increment(index % 2 === 0 ? jobs : other)));
      expect(await jobs.get(job)).toMatchObject({ launchNumber: 10, version: 11 });
    });

    test.each(illegalChanges)("fails when %s is let through", async (_what, build) => {
      const queued = await put();
      const second = await put();
      const running = await write(second, claimed(second, "run"));
      const third = await put();
      const done = await write(await write(third, claimed(third, "run")), succeeded(claimed(third, "run")));
      const [before, after] = build({ queued, running, done });
      const standing = await jobs.get(before);
      const heard = await eventsOf(before);
      await expect(jobs.update(before, after)).rejects.toMatchObject({ code: "platform_internal", retryable: false });
      expect(await jobs.get(before)).toEqual(standing);
      expect(await eventsOf(before)).toEqual(heard);
    });

    test("fails when a caller's false word for what stands there opens a forbidden way", async () => {
      const queued = await put();
      const forged = { ...claimed(queued, "run"), version: queued.version };
      const after = succeeded(forged);
      expect(await jobs.update(forged, after).catch(() => false)).toBe(false);
      expect(await jobs.get(queued)).toEqual(queued);
      expect(await eventsOf(queued)).toHaveLength(1);
    });

    test("fails when the way of a job is refused, or told in other events than its own, each once", async () => {
      const first = await put({ waitsFor: { reason: "capacity", since: isoTime(0), next: "…" } });
      const second = await write(first, changed(first, { phase: "launching", waitsFor: null, launchedAt: isoTime(1) }));
      const third = await write(second, claimed(second, "run-1"));
      const fourth = await write(third, changed(third, { cancelRequestedAt: isoTime(2) }));
      const fifth = await write(fourth, handedBack(fourth));
      const sixth = await write(fifth, claimed(fifth, "run-2"));
      const seventh = await write(sixth, failed(sixth));
      const eighth = await write(
        seventh,
        changed(seventh, { status: "queued", phase: "waiting", attempt: 3, error: null, finishedAt: null }),
      );
      await write(eighth, changed(eighth, { status: "canceled", finishedAt: isoTime(3) }));
      // A repeat changes nothing and tells nothing.
      expect(await jobs.update(sixth, failed(sixth))).toBe(false);
      const events = await eventsOf(first);
      expect(events.map((event) => `${event.version} ${event.type}`)).toEqual([
        "1 job.queued.v1",
        "3 job.started.v1",
        "5 job.queued.v1",
        "6 job.started.v1",
        "7 job.failed.v1",
        "8 job.queued.v1",
        "9 job.canceled.v1",
      ]);
      expect(new Set(events.map((event) => event.id)).size).toBe(events.length);
      expect(events[4]?.data).toMatchObject({
        jobId: first.jobId,
        status: "failed",
        error: { code: "platform_internal" },
      });
    });
  });
}

interface Standing {
  readonly queued: Job;
  readonly running: Job;
  readonly done: Job;
}

/** Pairs that no caller may write, each legal but for what its name says. */
const illegalChanges: readonly (readonly [string, (jobs: Standing) => readonly [Job, Job]])[] = [
  ["success without a run", ({ queued }) => [queued, succeeded(queued)]],
  [
    "the same attempt after an end",
    ({ done }) => [done, changed(done, { status: "queued", phase: "waiting", finishedAt: null, outputs: [] })],
  ],
  ["a run after an end", ({ done }) => [done, { ...claimed(done, "late"), attempt: 2, finishedAt: null, outputs: [] }]],
  ["a takeover of a claim", ({ running }) => [running, changed(running, { runId: "thief" })]],
  ["a hand-back of the same attempt", ({ running }) => [running, { ...handedBack(running), attempt: 1 }]],
  ["a claim of another attempt", ({ queued }) => [queued, { ...claimed(queued, "run"), attempt: 2 }]],
  ["a claim without a run", ({ queued }) => [queued, { ...claimed(queued, "run"), runId: null }]],
  ["an attempt that goes down", ({ running }) => [running, changed(running, { attempt: 0 })]],
  ["outputs before success", ({ running }) => [running, changed(running, { outputs: succeeded(running).outputs })]],
  ["a version that is skipped", ({ queued }) => [queued, { ...queued, version: 3 }]],
  ["a version that stays", ({ queued }) => [queued, { ...queued, launchNumber: 5 }]],
  ["another owner", ({ queued }) => [queued, { ...changed(queued, {}), owner: "thief" }]],
  ["another id", ({ queued }) => [queued, { ...changed(queued, {}), jobId: "thief" }]],
  ["another payload", ({ queued }) => [queued, changed(queued, { payloadHash: sha256Hex("another") })]],
  ["a failure without an error", ({ running }) => [running, { ...failed(running), error: null }]],
  ["an end without its time", ({ running }) => [running, { ...failed(running), finishedAt: null }]],
];
