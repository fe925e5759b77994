import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { sha256Hex } from "../../core/canonical-json.ts";
import { type Job, jobSchema } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import { isoTime } from "../../core/platform.ts";
import type { EventLog, JobStore } from "../../core/ports.ts";
import { buildTestJob, changed, claimed, failed, handedBack, succeeded } from "../fixtures/jobs.ts";

export interface OpenedJobStore {
  readonly jobs: JobStore;
  /** The same store as another process sees it. */
  readonly other: JobStore;
  /** The feed that the store writes to. */
  readonly events: EventLog;
  /** The store's clock; tests move it forward. */
  readonly clock: { advance(ms: number): void };
  close(): Promise<void>;
}

/** What every JobStore must do. `open` gives an empty store, or one in which nobody else writes under our owners. */
export function jobStoreContract(name: string, open: () => Promise<OpenedJobStore>): void {
  describe(`${name} as a JobStore`, () => {
    let opened: OpenedJobStore;
    let jobs: JobStore;
    let other: JobStore;
    beforeEach(async () => {
      opened = await open();
      ({ jobs, other } = opened);
    });
    afterEach(() => opened.close());

    const put = async (overrides: Partial<Job> = {}): Promise<Job> => (await jobs.create(buildTestJob(overrides))).job;
    const write = async (before: Job, after: Job): Promise<Job> => {
      expect(await jobs.update(before, after)).toBe(true);
      return after;
    };
    const eventsOf = async (job: Job) =>
      (await opened.events.read(0, 1_000)).map((entry) => entry.event).filter((event) => event.subject === job.jobId);

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
        opened.clock.advance(limits.idempotencyMs - 1_000);
        expect((await jobs.create(buildTestJob(), "key-1")).job.jobId).toBe(first.jobId);
        opened.clock.advance(2_000);
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
        const won = await Promise.all(
          claims.map((claim, index) => (index % 2 === 0 ? jobs : other).update(job, claim)),
        );
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
        const second = await write(
          first,
          changed(first, { phase: "launching", waitsFor: null, launchedAt: isoTime(1) }),
        );
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
