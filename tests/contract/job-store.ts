import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../core/canonical-json.ts";
import { type Job, jobSchema } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import { isoTime } from "../../core/platform.ts";
import type { JobStore } from "../../core/ports.ts";
import { buildTestJob, changed, claimed, handedBack, succeeded } from "../fixtures/jobs.ts";
import { type OpenedJobStore, useJobStore } from "./job-store-fixture.ts";
import { jobUpdatesContract } from "./job-updates.ts";

/** What every JobStore must do. `open` gives an empty store, or one in which nobody else writes under our owners. */
export function jobStoreContract(name: string, open: () => Promise<OpenedJobStore>): void {
  describe(`${name} as a JobStore`, () => {
    const store = useJobStore(open);
    const { put, write, eventsOf } = store;
    let jobs: JobStore;
    let other: JobStore;
    beforeEach(() => {
      ({ jobs, other } = store.opened);
    });

    describe("create", () => {
      test("fails when a job is not read back as it was written", async () => {
        const job = buildTestJob({
          metadata: { "ключ 🎧": "'; DROP TABLE jobs; --" },
          params: { deep: [{ a: null }] },
        });
        expect(await jobs.create(job)).toEqual({ job, created: true });
        expect(await jobs.get(job)).toEqual(job);
        expect(await other.get(job)).toEqual(job);
        expect(jobSchema.parse(await jobs.get(job))).toEqual(job);
      });

      test("fails when an unknown job is found", async () => {
        expect(await jobs.get({ owner: "local", jobId: "nobody" })).toBeUndefined();
        expect(await jobs.getPulse({ owner: "local", jobId: "nobody" })).toBeUndefined();
      });

      test("fails when the same id makes a second job", async () => {
        const first = await put();
        const again = buildTestJob({ jobId: first.jobId, createdAt: isoTime(Date.now() + 5_000) });
        expect(await jobs.create(again)).toEqual({ job: first, created: false });
        expect(await eventsOf(first)).toHaveLength(1);
      });

      test("fails when the same id serves another payload", async () => {
        const first = await put();
        const another = buildTestJob({ jobId: first.jobId, payloadHash: sha256Hex("another") });
        await expect(jobs.create(another)).rejects.toMatchObject({ code: "idempotency_mismatch" });
        expect(await jobs.get(first)).toEqual(first);
      });

      test("fails when the same key makes a second job, or serves another payload", async () => {
        const first = buildTestJob();
        await jobs.create(first, "key-1");
        expect(await jobs.create(buildTestJob(), "key-1")).toEqual({ job: first, created: false });
        const another = buildTestJob({ payloadHash: sha256Hex("another") });
        await expect(jobs.create(another, "key-1")).rejects.toMatchObject({ code: "idempotency_mismatch" });
        expect(await jobs.get(another)).toBeUndefined();
        expect((await jobs.create(another, "key-2")).created).toBe(true);
      });

      test("fails when a key that came with a known id is forgotten", async () => {
        const first = await put();
        await jobs.create(buildTestJob({ jobId: first.jobId }), "key-1");
        expect(await jobs.create(buildTestJob(), "key-1")).toEqual({ job: first, created: false });
      });

      test("fails when a known key hides that the id stands for another payload", async () => {
        await jobs.create(buildTestJob(), "key-1");
        const second = await put({ payloadHash: sha256Hex("another") });
        const mixed = buildTestJob({ jobId: second.jobId });
        await expect(jobs.create(mixed, "key-1")).rejects.toMatchObject({ code: "idempotency_mismatch" });
      });

      test("fails when a key ends early or is kept beyond its day", async () => {
        const first = buildTestJob();
        await jobs.create(first, "key-1");
        store.opened.clock.advance(limits.idempotencyMs - 1_000);
        expect((await jobs.create(buildTestJob(), "key-1")).job.jobId).toBe(first.jobId);
        store.opened.clock.advance(2_000);
        const later = buildTestJob({ payloadHash: sha256Hex("another") });
        expect(await jobs.create(later, "key-1")).toEqual({ job: later, created: true });
        expect((await jobs.create(buildTestJob({ payloadHash: later.payloadHash }), "key-1")).job.jobId).toBe(
          later.jobId,
        );
      });

      test("fails when one of many that create the same id at once is told another story", async () => {
        const jobId = buildTestJob().jobId;
        const attempts = Array.from({ length: 12 }, (_, index) =>
          (index % 2 === 0 ? jobs : other).create(buildTestJob({ jobId, metadata: { index: String(index) } })),
        );
        const results = await Promise.all(attempts);
        expect(results.filter((result) => result.created)).toHaveLength(1);
        expect(new Set(results.map((result) => result.job.metadata.index)).size).toBe(1);
        expect(await eventsOf(results[0]?.job as Job)).toHaveLength(1);
      });

      test("fails when one key makes two jobs at once", async () => {
        const attempts = Array.from({ length: 12 }, (_, index) =>
          (index % 2 === 0 ? jobs : other).create(buildTestJob(), "one-key"),
        );
        const results = await Promise.all(attempts);
        expect(new Set(results.map((result) => result.job.jobId)).size).toBe(1);
        expect(results.filter((result) => result.created)).toHaveLength(1);
        expect((await jobs.list("local", { limit: 50 })).jobs).toHaveLength(1);
      });

      test("fails when a document that contradicts itself is stored", async () => {
        const broken = buildTestJob({ runId: "run" });
        await expect(jobs.create(broken)).rejects.toMatchObject({ code: "platform_internal", retryable: false });
        expect(await jobs.get(broken)).toBeUndefined();
      });
    });

    describe("owners", () => {
      test("fails when owners see or touch each other's jobs, ids or keys", async () => {
        const mine = buildTestJob({ jobId: "same-id", owner: "mine" });
        const theirs = buildTestJob({ jobId: "same-id", owner: "theirs", payloadHash: sha256Hex("another") });
        expect((await jobs.create(mine, "same-key")).created).toBe(true);
        expect((await jobs.create(theirs, "same-key")).created).toBe(true);
        await write(mine, claimed(mine, "run"));
        expect(await jobs.get(theirs)).toEqual(theirs);
        expect(await jobs.get({ owner: "nobody", jobId: "same-id" })).toBeUndefined();
        expect((await jobs.list("theirs", { limit: 50 })).jobs).toEqual([theirs]);
        expect(await jobs.getPulse(theirs)).toBeUndefined();
      });

      test("fails when waiting jobs of another owner are found", async () => {
        const waitsFor = { reason: "input", jobId: "leader", since: isoTime(0), next: "…" } as const;
        await put({ owner: "theirs", waitsFor });
        const mine = await put({ owner: "mine", waitsFor });
        expect(await jobs.listWaitingFor({ owner: "mine", jobId: "leader" })).toEqual([mine]);
      });
    });

    jobUpdatesContract(store);

    describe("pulses", () => {
      const pulse = (runId: string, percent: number, at = 5_000) =>
        ({ runId, phase: "processing", progress: { percent, etaSeconds: 7 }, at }) as const;

      test("fails when a claim does not begin its run's pulse", async () => {
        const job = await put();
        expect(await jobs.getPulse(job)).toBeUndefined();
        await write(job, claimed(job, "run"));
        expect(await jobs.getPulse(job)).toMatchObject({
          runId: "run",
          phase: "downloading",
          progress: { percent: 0 },
        });
      });

      test("fails when a pulse is not seen in the job, or counts as a write of it", async () => {
        const job = await put();
        const running = await write(job, claimed(job, "run"));
        expect(await other.recordPulse(job, pulse("run", 42.5))).toBe(true);
        const progress = { percent: 42.5, etaSeconds: 7 };
        expect(await jobs.get(job)).toEqual({ ...running, phase: "processing", progress });
        expect(await jobs.getPulse(job)).toEqual({ runId: "run", phase: "processing", progress, at: 5_000 });
        expect(await jobs.update(running, changed(running, { cancelRequestedAt: isoTime(1) }))).toBe(true);
        expect((await jobs.list("local", { limit: 10 })).jobs[0]).toMatchObject({
          progress,
          cancelRequestedAt: isoTime(1),
        });
        expect(await eventsOf(job)).toHaveLength(2);
      });

      test("fails if percent goes down inside a run, in whatever order pulses arrive", async () => {
        await fc.assert(
          fc.asyncProperty(
            fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 8 }),
            async (percents) => {
              const job = await put();
              await write(job, claimed(job, "run"));
              let highest = 0;
              for (const percent of percents) {
                expect(await jobs.recordPulse(job, pulse("run", percent))).toBe(true);
                highest = Math.max(highest, percent);
                expect((await jobs.get(job))?.progress.percent).toBe(highest);
              }
            },
          ),
          { numRuns: 10 },
        );
      });

      test("fails when a run that does not hold the job can pulse", async () => {
        const job = await put();
        expect(await jobs.recordPulse(job, pulse("early", 10))).toBe(false);
        const running = await write(job, claimed(job, "run-1"));
        expect(await jobs.recordPulse(job, pulse("stranger", 10))).toBe(false);
        await jobs.recordPulse(job, pulse("run-1", 80));
        const queued = await write(running, handedBack(running));
        expect(await jobs.recordPulse(job, pulse("run-1", 90))).toBe(false);
        expect(await jobs.getPulse(job)).toBeUndefined();
        expect(await jobs.get(job)).toEqual(queued);
        const second = await write(queued, claimed(queued, "run-2"));
        expect(await jobs.getPulse(job)).toMatchObject({ runId: "run-2", progress: { percent: 0 } });
        expect(await jobs.recordPulse(job, pulse("run-2", 5))).toBe(true);
        expect(await jobs.recordPulse(job, pulse("run-1", 95))).toBe(false);
        expect((await jobs.get(job))?.progress.percent).toBe(5);
        await write(second, succeeded(second));
        expect(await jobs.recordPulse(job, pulse("run-2", 99))).toBe(false);
        expect((await jobs.get(job))?.progress.percent).toBe(100);
        expect(await jobs.recordPulse({ owner: "local", jobId: "nobody" }, pulse("run", 1))).toBe(false);
      });
    });
  });
}
