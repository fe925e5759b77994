import { describe, expect, test } from "vitest";
import { parseCapacity } from "../../../../cli/simulate/capacity.ts";
import { faultPresets, parseFaults } from "../../../../cli/simulate/faults.ts";
import { type SimulateOptions, simulate } from "../../../../cli/simulate/simulate.ts";
import { formatOutcome } from "../../../../cli/simulate/summary.ts";
import type { MemoryStores } from "../../../../cli/simulate/wiring.ts";

const play = (options: Partial<SimulateOptions> = {}) =>
  simulate({
    jobs: 150,
    overMs: 10 * 60_000,
    faults: faultPresets.none,
    capacity: parseCapacity("--capacity", ""),
    seed: 7,
    ...options,
  });
const heavy = { faults: faultPresets.heavy };

test("fails when the same seed does not print the same, byte for byte, or another seed does", async () => {
  const [first, second, other] = await Promise.all([play(heavy), play(heavy), play({ ...heavy, seed: 8 })]);
  expect(formatOutcome(second, "")).toBe(formatOutcome(first, ""));
  expect(JSON.stringify(second)).toBe(JSON.stringify(first));
  expect(formatOutcome(other, "")).not.toBe(formatOutcome(first, ""));
});

test("fails when anything is retried, refused or left where nothing goes wrong", async () => {
  const outcome = await play();
  expect(outcome).toMatchObject({
    asked: 150,
    accepted: 150,
    statuses: { succeeded: 150 },
    failures: {},
    retries: 0,
    lost: 0,
    doubled: 0,
    hung: 0,
    deadLetters: {},
  });
  expect(outcome.attempts + outcome.cached).toBe(150);
  expect(Object.keys(outcome.incidents).every((name) => name.startsWith("tasks on "))).toBe(true);
});

test("fails when the use cases lose, double or hang a job under heavy faults", async () => {
  for (const seed of [1, 2, 3]) {
    const outcome = await play({ ...heavy, jobs: 250, seed });
    expect(outcome, `seed ${seed}`).toMatchObject({ lost: 0, doubled: 0, hung: 0 });
    expect(outcome.retries).toBeGreaterThan(0);
    expect(outcome.incidents["worker crashed"]).toBeGreaterThan(0);
    expect(outcome.deadLetters).not.toEqual({});
  }
});

describe("a mistake behind the ports", () => {
  const withJobs = (
    change: (jobs: MemoryStores["jobs"]) => Partial<MemoryStores["jobs"]>,
  ): Partial<SimulateOptions> => ({
    tamper: (stores) => ({ ...stores, jobs: { ...stores.jobs, ...change(stores.jobs) } }),
  });

  test("fails when a store that forgets some of what it accepted goes unseen", async () => {
    let created = 0;
    const outcome = await play(
      withJobs((jobs) => ({
        create: async (job, key) => (++created % 50 === 0 ? { job, created: true } : jobs.create(job, key)),
      })),
    );
    expect(outcome.lost).toBeGreaterThan(0);
  });

  test("fails when a store that says yes to a commit it did not write, so that another run commits too, goes unseen", async () => {
    let commits = 0;
    const outcome = await play(
      withJobs((jobs) => ({
        update: (before, after) =>
          after.status === "succeeded" && ++commits % 20 === 0 ? Promise.resolve(true) : jobs.update(before, after),
      })),
    );
    expect(outcome.doubled).toBeGreaterThan(0);
  });

  test("fails when a job that no reconciler would find goes unseen", async () => {
    const outcome = await play({
      faults: parseFaults("--faults", "none,lost=0.2"),
      ...withJobs(() => ({
        async *listDue() {},
      })),
    });
    expect(outcome.hung).toBeGreaterThan(0);
  });

  test("fails when outputs that are removed after their job's success go unseen", async () => {
    let ends = 0;
    const outcome = await play(
      withJobs((jobs) => ({
        update: (before, after) =>
          jobs.update(before, after.status === "succeeded" && ++ends === 20 ? { ...after, outputs: [] } : after),
      })),
    );
    expect(outcome.lost).toBeGreaterThan(0);
  });
});

describe("capacity", () => {
  test("fails when a burst of tasks starts faster than RunTask allows, or its waiting costs attempts", async () => {
    const outcome = await play({ jobs: 600, overMs: 0, capacity: parseCapacity("--capacity", "lambda=0") });
    expect(outcome.statuses).toEqual({ succeeded: 600 });
    expect(outcome.incidents["launches throttled"]).toBeGreaterThan(0);
    expect(outcome.retries).toBe(0);
    // 20 a second, and 20 at once.
    expect(outcome.drainMs).toBeGreaterThan(((outcome.attempts - 20) / 20) * 1_000);
  });

  test("fails when more vCPUs do not drain a burst sooner, or a quota is exceeded", async () => {
    const drain = async (vcpus: number) =>
      (
        await play({
          jobs: 100,
          overMs: 0,
          capacity: parseCapacity("--capacity", `lambda=0,fargate-spot=${vcpus},fargate=${vcpus}`),
        })
      ).drainMs;
    expect(await drain(4)).toBeGreaterThan(2 * (await drain(400)));
  });

  test("fails when jobs run as functions where there is none, or all the same where there is room for few", async () => {
    const few = await play({ capacity: parseCapacity("--capacity", "lambda=2") });
    const none = await play({ capacity: parseCapacity("--capacity", "lambda=0") });
    expect(few).toMatchObject({ lost: 0, doubled: 0, hung: 0 });
    expect(few.workHours["lambda S"]).toBeGreaterThan(0);
    expect(few.waitMs.p50).toBeGreaterThan((await play()).waitMs.p50);
    expect(none.workHours).not.toHaveProperty("lambda S");
  });
});
