import { afterEach, beforeEach, expect, test } from "vitest";
import { MixdownError } from "../../../core/errors.ts";
import { handleMessage } from "../../../core/handle-message.ts";
import { limits } from "../../../core/limits.ts";
import { reconcile } from "../../../core/reconcile.ts";
import { planNextAttempt, settleTask } from "../../../core/settle.ts";
import { submit } from "../../../core/submit.ts";
import { buildTestJob } from "../../fixtures/jobs.ts";
import { World } from "./model/world.ts";

const ref = { owner: "local", jobId: "j" };
const lane = "fargate-spot";
const now = Date.parse("2026-11-01T00:00:00Z");
let world: World;

beforeEach(async () => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  await submit(world.process(), { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] }, ref);
});
afterEach(() => world.close());

const launchIt = async () => {
  await world.invoke();
  const [task] = world.takeTasks();
  if (task === undefined) throw new Error("nothing was launched");
  return task;
};
const end = (taskId: string, exitCode: number | null, attempt = 1) =>
  settleTask(world.process(), { ref, attempt, taskId, exitCode, loss: "crashed", detail: "SIGKILL" });

test("fails when a stopped task's job is not given its next attempt, or a repeat of the news gives it two", async () => {
  const { taskId } = await launchIt();
  expect(await end(taskId, 137)).toBe(true);
  expect(await end(taskId, 137)).toBe(false);
  expect(await world.get(ref)).toMatchObject({ status: "queued", attempt: 2, taskId: null });
  await world.settle();
  expect(await world.get(ref)).toMatchObject({ status: "succeeded", attempt: 2 });
});

test("fails when the end of another task of the attempt takes the job from the run that holds it", async () => {
  const { taskId } = await launchIt();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  world.holdUp = () => held;
  const running = world.work(ref, 1);
  await expect.poll(async () => (await world.get(ref))?.status).toBe("running");
  expect(await end("another", 1)).toBe(false);
  // The loser of a claim exits with 0, also where both tasks are one to the store.
  expect(await end(taskId, 0)).toBe(false);
  release();
  await running;
  expect(await world.get(ref)).toMatchObject({ status: "succeeded", attempt: 1 });
});

test("fails when a task that ended in good order without a claim leaves its job launching", async () => {
  const { taskId } = await launchIt();
  expect(await end(taskId, 0)).toBe(true);
  expect(await world.get(ref)).toMatchObject({ status: "queued", attempt: 2 });
});

test("fails when late news of an old attempt touches the next one", async () => {
  const { taskId } = await launchIt();
  await end(taskId, 1);
  await world.invoke();
  expect(await end(taskId, 1, 1)).toBe(false);
  expect(await world.get(ref)).toMatchObject({ attempt: 2, phase: "launching" });
});

test("fails when a fault of the machinery is retried for ever", async () => {
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { taskId } = await launchIt();
    await end(taskId, null, attempt);
  }
  expect(await world.get(ref)).toMatchObject({
    status: "failed",
    error: { code: "platform_worker_lost", detail: expect.stringContaining("SIGKILL") },
  });
});

test("fails when memory that ran out does not ask for more of it, or for more than there is", () => {
  const job = buildTestJob({ lane, size: "M", phase: "launching" });
  expect(planNextAttempt(job, "out-of-memory", now)).toMatchObject({ status: "queued", size: "L", lane });
  expect(planNextAttempt({ ...job, size: "XL" }, "out-of-memory", now)).toMatchObject({ status: "failed" });
});

test("fails when a function that ran out of memory is called again, or followed by a task with less", () => {
  const job = buildTestJob({ lane: "lambda", size: "S", phase: "launching" });
  expect(planNextAttempt(job, "out-of-memory", now)).toMatchObject({ lane: "fargate-spot", size: "L", attempt: 2 });
});

test("fails when an interruption uses up an attempt or stays on capacity that can be taken away", () => {
  const job = buildTestJob({ lane, attempt: 3, maxAttempts: 3, phase: "launching" });
  expect(planNextAttempt(job, "interrupted", now)).toMatchObject({ lane: "fargate", attempt: 4, maxAttempts: 4 });
});

test("fails when missing capacity uses up attempts, keeps the Spot lane, or is asked for again at once for ever", () => {
  const job = buildTestJob({ lane, phase: "launching", attempt: 3, maxAttempts: 3 });
  const first = planNextAttempt(job, "no-capacity", now);
  expect(first).toMatchObject({ status: "queued", lane: "fargate", attempt: 4, maxAttempts: 4, nextLaunchAt: null });
  const second = planNextAttempt({ ...job, lane: "fargate" }, "no-capacity", now);
  expect(second).toMatchObject({ lane: "fargate", waitsFor: { reason: "capacity" } });
  expect(Date.parse(second.nextLaunchAt ?? "")).toBeGreaterThan(now);
});

test("fails when a job waiting for capacity is sent at once all the same", async () => {
  const { taskId } = await launchIt();
  const loss = "no-capacity";
  // The embedded lane is its own next lane.
  await settleTask(world.process(), { ref, attempt: 1, taskId, exitCode: null, loss, detail: "" });
  expect(await world.invoke()).toBe(0);
  world.nowMs += 400_000;
  await world.reconcile();
  expect(await world.invoke()).toBe(1);
});

test("fails when a launch that found no capacity stays on Spot, or a throttled one leaves it", async () => {
  const message = { body: JSON.stringify({ jobId: "j", attempt: 1 }) };
  for (const [code, next] of [
    ["capacity_throttled", lane],
    ["capacity_unavailable", "fargate"],
  ] as const) {
    const platform = world.process();
    const job = await world.get(ref);
    if (job === undefined) throw new Error("the job is gone");
    await platform.jobs.update(job, { ...job, lane, phase: "waiting", nextLaunchAt: null, version: job.version + 1 });
    const launch = () => Promise.reject(new MixdownError(code, { message: "Not now." }));
    await handleMessage({ ...platform, launcher: { ...platform.launcher, launch } }, message);
    expect(await world.get(ref)).toMatchObject({ lane: next, phase: "waiting", waitsFor: { reason: "capacity" } });
  }
});

test("fails when one job that cannot be moved holds up the others of a pass", async () => {
  await submit(world.process(), { jobId: "k", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] }, ref);
  world.nowMs += 400_000;
  const platform = world.process();
  const sent: string[] = [];
  let first = true;
  const send = async ({ body }: { body: string }) => {
    if (first) {
      first = false;
      throw new Error("refused once");
    }
    sent.push(body);
  };
  await expect(reconcile({ ...platform, queue: { ...platform.queue, send } })).rejects.toThrow("refused once");
  expect(sent).toHaveLength(1);
});

test("fails when a pass looks at one job after the other, or at all of a rush at once", async () => {
  for (let index = 0; index < 60; index++)
    await submit(
      world.process(),
      { jobId: `rush-${index}`, kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] },
      ref,
    );
  world.nowMs += 400_000;
  let atOnce = 0;
  let most = 0;
  const platform = world.process(undefined, async (_label, call) => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 1));
    atOnce -= 1;
    return call();
  });
  expect((await reconcile(platform)).looked).toBe(61);
  expect(most).toBe(limits.reconcileAtOnce);
});
