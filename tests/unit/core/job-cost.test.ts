import { expect, test } from "vitest";
import { estimate } from "../../../core/estimate.ts";
import { attemptRequestsUsd, attemptUsd, costAfter, workerUsd } from "../../../core/job-cost.ts";
import { settleTask } from "../../../core/settle.ts";
import { submit } from "../../../core/submit.ts";
import { buildTestJob } from "../../fixtures/jobs.ts";
import { World } from "./model/world.ts";

test("fails when a task's hour is not its processors, memory and scratch beyond 20 GiB: S is 1, 2 and 30", () => {
  expect(workerUsd("fargate", "S", 3_600)).toBeCloseTo(0.04048 + 2 * 0.004445 + 10 * 0.000111, 9);
  expect(workerUsd("fargate", "XL", 3_600)).toBeCloseTo(8 * 0.04048 + 32 * 0.004445 + 180 * 0.000111, 9);
});

test("fails when Spot's discount is missing, or is given on scratch too", () => {
  expect(workerUsd("fargate-spot", "S", 3_600)).toBeCloseTo(0.3 * (0.04048 + 2 * 0.004445) + 10 * 0.000111, 9);
});

test("fails when a task is sold for less than its first minute, or a function for more than its seconds", () => {
  expect(workerUsd("fargate", "S", 3)).toBe(workerUsd("fargate", "S", 60));
  expect(workerUsd("fargate", "S", 61)).toBeGreaterThan(workerUsd("fargate", "S", 60) ?? Infinity);
  expect(workerUsd("lambda", "S", 3)).toBeCloseTo(0.2e-6 + 3 * (10 * 0.0000166667 + 9.5 * 0.0000000309), 12);
});

test("fails when work on a laptop, or of an unknown length, has a price", () => {
  expect(attemptUsd("embedded", "S", 100)).toBeNull();
  expect(attemptUsd("fargate", "S", null)).toBeNull();
});

test("fails when the requests of an attempt are thought to cost a cent, or nothing", () => {
  expect(attemptRequestsUsd).toBeGreaterThan(1e-5);
  expect(attemptRequestsUsd).toBeLessThan(1e-3);
});

const startedAt = "2026-11-01T00:00:00.000Z";
const hourLater = Date.parse(startedAt) + 3_600_000;
const running = buildTestJob({ status: "running", lane: "fargate", startedAt });

test("fails when a second attempt's cost takes the place of the first one's", () => {
  const first = costAfter(running, { ...running, status: "queued" }, hourLater);
  const hour = attemptUsd("fargate", "S", 3_600) ?? 0;
  expect(first.actualUsd).toBeCloseTo(hour, 7);
  const second = costAfter({ ...running, cost: first }, { ...running, status: "succeeded" }, hourLater);
  expect(second.actualUsd).toBeCloseTo(2 * hour, 7);
});

test("fails when a change that ends nothing costs something, or an end in the queue costs a worker", () => {
  expect(costAfter(running, { ...running, taskId: "t" }, hourLater)).toEqual(running.cost);
  const queued = buildTestJob({ lane: "fargate" });
  expect(costAfter(queued, running, hourLater)).toEqual(queued.cost);
  expect(costAfter(queued, { ...queued, status: "succeeded", cached: true }, hourLater).actualUsd).toBeCloseTo(
    attemptRequestsUsd,
    7,
  );
});

const on = (lanes: "aws" | "embedded") => {
  const world = new World();
  const process = world.process();
  return { world, platform: { ...process, settings: { ...process.settings, lanes } } };
};

test("fails when a job on AWS is submitted or tried without an estimate, or ends without its cost", async () => {
  const { world, platform } = on("aws");
  try {
    world.objects.put("raw/local/1/a.wav", "a");
    const ref = { owner: "local", jobId: "j" };
    const request = { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
    const tried = await estimate(platform, request, "local");
    const { job } = await submit(platform, request, ref);
    expect(job.cost).toEqual({ estimatedUsd: attemptUsd("fargate-spot", "S", 1), actualUsd: null });
    expect(tried.estimatedUsd).toBe(job.cost.estimatedUsd);
    const started = {
      ...job,
      status: "running",
      phase: "processing",
      runId: "r",
      taskId: "t",
      version: 2,
      startedAt: job.createdAt,
    } as const;
    expect(await platform.jobs.update(job, started)).toBe(true);
    const end = { ref, attempt: 1, taskId: "t", exitCode: null, loss: "crashed", detail: "SIGKILL" } as const;
    expect(await settleTask(platform, end)).toBe(true);
    expect((await platform.jobs.get(ref))?.cost.actualUsd).toBe(attemptUsd("fargate-spot", "S", 60));
  } finally {
    world.close();
  }
});

test("fails when a laptop's job is given a price", async () => {
  const { world, platform } = on("embedded");
  try {
    world.objects.put("raw/local/1/a.wav", "a");
    const request = { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
    const { job } = await submit(platform, request, { owner: "local" });
    expect(job.cost).toEqual({ estimatedUsd: null, actualUsd: null });
  } finally {
    world.close();
  }
});
