import { afterEach, beforeEach, expect, test } from "vitest";
import { cancel } from "../../../core/cancel.ts";
import { handleMessage } from "../../../core/handle-message.ts";
import { launchBackoffMs } from "../../../core/lane.ts";
import { redrive } from "../../../core/redrive.ts";
import { retry } from "../../../core/retry.ts";
import { submit } from "../../../core/submit.ts";
import { World } from "./model/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  world.objects.put("raw/acme/1/a.wav", "acme's");
});
afterEach(() => world.close());

const key = "raw/local/1/a.wav";
const send = (request: unknown, owner = "local", idempotencyKey?: string) =>
  submit(world.process(), request, { owner, idempotencyKey });
const get = (jobId: string, owner = "local") => world.get({ owner, jobId });

test.each([
  [{ kind: "cleen", inputs: [{ key }] }, "usage_unknown_kind", "cleen"],
  [{ kind: "clean", inputs: [] }, "usage_invalid", "inputs"],
  [{ kind: "clean", inputs: [{ key }, { key }] }, "usage_invalid", "exactly 1"],
  [{ kind: "clean", inputs: [{ key, role: "music" }] }, "usage_invalid", "music"],
  [{ kind: "clean", inputs: [{ key }], params: { loudnessLufs: -5 } }, "usage_invalid", "-5"],
  [{ kind: "clean", inputs: [{ key }], params: { loudness: -16 } }, "usage_invalid", "loudness"],
  [{ kind: "stitch", inputs: [{ key }], params: { gapMs: 5, crossfadeMs: 5 } }, "usage_invalid", "exclude"],
  [{ kind: "clean", inputs: [{ key: "raw/local/1/none.wav" }] }, "input_not_found", "none.wav"],
  [{ kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] }, "input_not_found", "raw/acme"],
  [{ kind: "clean", inputs: [{ jobId: "none", output: "x" }] }, "input_not_found", "none"],
  [{ kind: "clean", inputs: [{ key }], bucket: "theirs" }, "usage_invalid", "bucket"],
  [{ kind: "clean", inputs: [{ key }], jobId: "a/b" }, "usage_invalid", "jobId"],
  [{ kind: "clean", inputs: [{ key }], timeoutSeconds: 0 }, "usage_invalid", "timeoutSeconds"],
  [null, "usage_invalid", ""],
])("fails when %j is accepted or its refusal does not name the fault", async (request, code, named) => {
  await expect(send(request)).rejects.toMatchObject({ code, message: expect.stringContaining(named) });
  expect(await world.active()).toEqual([]);
});

test("fails when a repeat makes a second job, or a mismatch touches the first", async () => {
  const request = { jobId: "j", kind: "clean", inputs: [{ key }] };
  const first = await send(request);
  expect(first.created).toBe(true);
  expect(await send({ ...request, params: { loudnessLufs: -16 } })).toMatchObject({
    created: false,
    job: { jobId: "j" },
  });
  await expect(send({ ...request, params: { loudnessLufs: -20 } })).rejects.toMatchObject({
    code: "idempotency_mismatch",
  });
  expect(await get("j")).toEqual(first.job);
});

test("fails when a repeat under an idempotency key makes a second job, or another owner shares the key", async () => {
  const request = { kind: "clean", inputs: [{ key }] };
  const first = await send(request, "local", "k");
  expect((await send(request, "local", "k")).job.jobId).toBe(first.job.jobId);
  const theirs = await send({ kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] }, "acme", "k");
  expect(theirs).toMatchObject({ created: true, job: { owner: "acme" } });
});

test("fails when two owners cannot use one id, or one touches the other's job or outputs", async () => {
  await send({ jobId: "same", kind: "clean", inputs: [{ key }] });
  await send({ jobId: "same", kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] }, "acme");
  await world.settle();
  const [mine, theirs] = [await get("same"), await get("same", "acme")];
  expect(world.processed.sort()).toEqual(["clean(a)", "clean(acme's)"]);
  expect(mine?.outputs[0]?.key).toMatch(/^outputs\/same\//);
  expect(theirs?.outputs[0]?.key).toMatch(/^outputs\/acme\.same\//);
  await expect(send({ kind: "clean", inputs: [{ key: theirs?.outputs[0]?.key }] })).rejects.toMatchObject({
    code: "input_not_found",
  });
});

test("fails when a foreign message does not become a job, or its repeat becomes another", async () => {
  const body = JSON.stringify({ job_id: "order-1", s3_key: key });
  const platform = world.process();
  expect(await handleMessage(platform, { body })).toMatchObject({ action: "acknowledge", jobId: "order-1" });
  await world.settle();
  expect(await handleMessage(platform, { body })).toMatchObject({ action: "acknowledge", jobId: "order-1" });
  await world.settle();
  expect((await get("order-1"))?.status).toBe("succeeded");
  expect(world.processed).toEqual(["clean(a)"]);
});

test("fails when a message, its repeats or calls that come late launch a second worker", async () => {
  const body = JSON.stringify({ job_id: "once", s3_key: key });
  const platform = world.process();
  const launched: string[] = [];
  const launch: typeof platform.launcher.launch = async ({ ref }) => {
    launched.push(ref.jobId);
    return { taskId: `call-${launched.length}` };
  };
  const counting = { ...platform, launcher: { ...platform.launcher, launch } };
  await handleMessage(counting, { body });
  expect(await platform.queue.receive(10)).toEqual([]);
  await handleMessage(counting, { body });
  await handleMessage(counting, { body: JSON.stringify({ jobId: "once", attempt: 1 }) });
  expect(launched).toEqual(["once"]);
  expect(await get("once")).toMatchObject({ status: "queued", phase: "launching", taskId: "call-1" });
});

test("fails when a foreign message for a missing file gives no failed job, or touches a job that stands", async () => {
  const platform = world.process();
  await handleMessage(platform, { body: JSON.stringify({ job_id: "new", s3_key: "nowhere.mp3" }) });
  expect(await get("new")).toMatchObject({ status: "failed", error: { code: "input_not_found" } });
  await send({ jobId: "old", kind: "clean", inputs: [{ key }] });
  const before = await get("old");
  const outcome = await handleMessage(platform, { body: JSON.stringify({ job_id: "old", s3_key: "nowhere.mp3" }) });
  expect(outcome).toMatchObject({ action: "reject", reason: expect.stringContaining("idempotency_mismatch") });
  expect(await get("old")).toEqual(before);
});

test("fails when a bad message is not kept with its reason, or stops the good ones of other groups", async () => {
  const queue = world.process().queue;
  await queue.send({ body: "not json", groupId: "bad", deduplicationId: "1" });
  await send({ jobId: "good", kind: "clean", inputs: [{ key }] });
  await world.settle();
  expect((await get("good"))?.status).toBe("succeeded");
  const letters = await world.process().deadLetters.list();
  expect(letters).toMatchObject([{ body: "not json", reason: expect.stringContaining("usage_invalid_message") }]);
});

test("fails when redrive does not run a failed job again, or keeps the letter", async () => {
  await handleMessage(world.process(), { body: JSON.stringify({ job_id: "late", s3_key: "late.wav" }) });
  const letter = {
    id: "l1",
    body: JSON.stringify({ jobId: "late", attempt: 1 }),
    reason: "r",
    at: "2026-11-01T00:00:00Z",
    expiresAt: "2026-12-01T00:00:00Z",
  };
  await world.process().deadLetters.put(letter);
  world.objects.put("late.wav", "late");
  await redrive(world.process(), "l1");
  await world.settle();
  expect(await get("late")).toMatchObject({ status: "succeeded", attempt: 2 });
  expect(await world.process().deadLetters.list()).toEqual([]);
  await expect(redrive(world.process(), "l1")).rejects.toMatchObject({ code: "usage_invalid" });
});

test("fails when anything but retry leaves a terminal state, or retry leaves a success whose outputs are there", async () => {
  await send({ jobId: "j", kind: "clean", inputs: [{ key }] });
  await cancel(world.process(), { owner: "local", jobId: "j" });
  expect((await get("j"))?.status).toBe("canceled");
  await handleMessage(world.process(), { body: JSON.stringify({ jobId: "j", attempt: 1 }) });
  await world.settle();
  expect((await get("j"))?.status).toBe("canceled");
  await retry(world.process(), { owner: "local", jobId: "j" });
  await world.settle();
  expect(await get("j")).toMatchObject({ status: "succeeded", attempt: 2, cancelRequestedAt: null });
  await expect(retry(world.process(), { owner: "local", jobId: "j" })).rejects.toMatchObject({
    code: "usage_not_retryable",
  });
  world.nowMs += 31 * 86_400_000;
  for (const name of world.objects.keys("outputs/")) world.objects.delete(name);
  await retry(world.process(), { owner: "local", jobId: "j" });
  await world.settle();
  expect(await get("j")).toMatchObject({ status: "succeeded", attempt: 3, cached: false });
});

test("fails when a deleted output still serves equal jobs from the cache", async () => {
  await send({ jobId: "first", kind: "clean", inputs: [{ key }] });
  await world.settle();
  for (const output of (await get("first"))?.outputs ?? []) world.objects.delete(output.key);
  await send({ jobId: "second", kind: "clean", inputs: [{ key }] });
  await world.settle();
  expect(await get("second")).toMatchObject({ status: "succeeded", cached: false });
});

test("fails when the backoff of launches leaves its bounds or does not grow", () => {
  const waitOf = (jobId: string, launchNumber: number) => launchBackoffMs({ owner: "local", jobId, launchNumber });
  for (let launch = 0; launch < 40; launch++) {
    for (const id of ["a", "b", "c"]) {
      expect(waitOf(id, launch)).toBeGreaterThanOrEqual(2_500);
      expect(waitOf(id, launch)).toBeLessThanOrEqual(300_000);
    }
  }
  // Half of it is fixed, so that each second step is longer whatever the other half is.
  expect(waitOf("a", 2)).toBeGreaterThan(waitOf("a", 0));
  expect(waitOf("a", 2)).toBe(waitOf("a", 2));
});

test("fails when jobs that were refused together come back together", () => {
  const waits = Array.from({ length: 100 }, (_, n) =>
    launchBackoffMs({ owner: "local", jobId: `j${n}`, launchNumber: 10 }),
  );
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(100_000);
  expect(new Set(waits.map(Math.round)).size).toBeGreaterThan(95);
});
