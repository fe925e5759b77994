import fc from "fast-check";
import { expect, test } from "vitest";
import { dueTimeOf, forgetTimeOf } from "../../../core/due-time.ts";
import { type Job, laneSchema } from "../../../core/job.ts";
import { limits } from "../../../core/limits.ts";
import { isoTime, type Platform } from "../../../core/platform.ts";
import { reconcile } from "../../../core/reconcile.ts";
import { buildTestJob, failed, succeeded } from "../../fixtures/jobs.ts";

const begin = Date.parse("2026-11-01T00:00:00Z");
const later = (seconds: number): string => isoTime(begin + seconds * 1_000);

/** Active jobs of every state that the reconciler knows; `s` are seconds after the job's creation. */
const activeJob: fc.Arbitrary<Job> = fc
  .record({
    state: fc.constantFrom("waiting", "launching", "running"),
    lane: fc.constantFrom(...laneSchema.options),
    s: fc.tuple(fc.nat(3_600), fc.nat(3_600), fc.nat(7_200)),
    launchNumber: fc.nat(5),
    nextLaunch: fc.boolean(),
    asked: fc.boolean(),
  })
  .map(({ state, lane, s: [queued, step, next], launchNumber, nextLaunch, asked }) => {
    const updatedAt = later(queued + step);
    const job = buildTestJob({ lane, launchNumber, createdAt: later(0), queuedAt: later(queued), updatedAt });
    const cancelRequestedAt = asked ? updatedAt : null;
    if (state === "running") {
      const run = { status: "running", phase: "processing", runId: "run", startedAt: updatedAt } as const;
      return { ...job, ...run, taskId: "task", cancelRequestedAt };
    }
    if (state === "launching") return { ...job, phase: "launching", launchedAt: updatedAt };
    return { ...job, nextLaunchAt: nextLaunch ? later(queued + step + next) : null, cancelRequestedAt };
  });

/** What the reconciler does to a job that it is handed at `now`, whether it is due or not. */
async function doneTo(job: Job, now: number): Promise<string[]> {
  const done: string[] = [];
  const note = (name: string) => async () => {
    done.push(name);
    return true;
  };
  const platform = {
    jobs: {
      async *listDue() {
        yield job;
      },
      get: async () => job,
      getPulse: async () => undefined,
      listWaitingFor: async () => [],
      update: note("update"),
    },
    queue: { send: note("send") },
    objects: { async *list() {} },
    cache: { get: async () => undefined },
    launcher: { stop: note("stop") },
    clock: { now: () => now },
    settings: { defaultOwner: "local" },
  };
  await reconcile(platform as unknown as Platform);
  return done;
}

test("fails if the reconciler had something to do with a job before it is due", async () => {
  await fc.assert(
    fc.asyncProperty(activeJob, fc.nat(90_000_000), async (job, earlyMs) => {
      const dueAt = dueTimeOf(job) ?? Number.NaN;
      // Before a job was last written, nobody can look at it.
      const now = Math.max(Date.parse(job.updatedAt), dueAt - 1 - earlyMs);
      fc.pre(now < dueAt);
      expect(await doneTo(job, now)).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test("fails if the reconciler has nothing to do with a job that is due", async () => {
  await fc.assert(
    fc.asyncProperty(activeJob, async (job) => {
      expect((await doneTo(job, (dueTimeOf(job) ?? Number.NaN) + 1)).length).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});

test("fails when a job that follows another is not looked at, or one that has ended is", () => {
  const waitsFor = { reason: "cache", jobId: "leader", since: later(0), next: "…" } as const;
  expect(dueTimeOf(buildTestJob({ waitsFor, updatedAt: later(7) }))).toBe(begin + 7_000);
  for (const ended of [failed(buildTestJob()), succeeded(buildTestJob())]) expect(dueTimeOf(ended)).toBeNull();
});

test("fails when a job is forgotten before 90 days after its outputs, or its own end, are over", () => {
  const ended = { ...succeeded(buildTestJob()), finishedAt: later(0), expiresAt: later(3_600) };
  expect(forgetTimeOf(ended)).toBe(begin + 3_600_000 + limits.itemAfterExpiryMs);
  expect(forgetTimeOf({ ...failed(buildTestJob()), finishedAt: later(0) })).toBe(begin + limits.itemAfterExpiryMs);
  expect(forgetTimeOf(buildTestJob())).toBeNull();
});
