import type { SQSEvent } from "aws-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import { MixdownError } from "../../../core/errors.ts";
import type { Platform } from "../../../core/platform.ts";
import { submit } from "../../../core/submit.ts";
import { createHandler } from "../../../functions/invoker/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { buildSqsEvent } from "../../fixtures/events/sqs-records.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { World } from "../core/model/world.ts";

let world: World;
let telemetry: ReturnType<typeof recordTelemetry>;
beforeEach(() => {
  world = new World();
  telemetry = recordTelemetry();
  world.objects.put("incoming/talk.wav", "talk");
  world.objects.put("incoming/other.wav", "other");
});
afterEach(() => world.close());

const invoke = (event: SQSEvent, platform: Platform = world.process()) => createHandler(platform, telemetry)(event);
const get = (jobId: string) => world.get({ owner: "local", jobId });
const foreign = (id: string, group = id, key = "incoming/talk.wav") => ({
  id,
  group,
  body: JSON.stringify({ job_id: id, s3_key: key }),
});

/** A platform whose store does not answer for some jobs. */
const withoutAnswerFor = (...ids: string[]): Platform => {
  const platform = world.process();
  const get: Platform["jobs"]["get"] = async (ref) => {
    if (ids.includes(ref.jobId)) throw new Error("the store does not answer");
    return platform.jobs.get(ref);
  };
  return { ...platform, jobs: Object.assign(Object.create(platform.jobs), { get }) };
};

test("fails when a foreign message of the documented shape does not start its job's worker", async () => {
  expect(await invoke(loadEvent("sqs-fifo"))).toEqual({ batchItemFailures: [] });
  expect(await get("order-1")).toMatchObject({ kind: "clean", phase: "launching", taskId: "task-1" });
  expect(world.tasks).toMatchObject([{ ref: { jobId: "order-1" }, attempt: 1 }]);
});

test("fails when a message that comes twice starts a second task", async () => {
  await invoke(loadEvent("sqs-fifo"));
  await invoke(loadEvent("sqs-fifo"));
  expect(world.tasks).toHaveLength(1);
});

test("fails when a failing message takes other groups with it, or a later one of its group overtakes it", async () => {
  const batch = [foreign("a1", "a"), foreign("b1", "b"), foreign("a2", "a"), foreign("b2", "b", "incoming/other.wav")];
  const answer = await invoke(buildSqsEvent(batch), withoutAnswerFor("a1"));
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: "a1" }, { itemIdentifier: "a2" }] });
  expect(world.tasks.map((task) => task.ref.jobId)).toEqual(["b1", "b2"]);
  expect(await get("a2")).toBeUndefined();
  expect(telemetry.counts).toMatchObject({ MessagesFailed: 1, MessagesAccepted: 2 });
});

test("fails when a batch in which everything fails is not returned message by message", async () => {
  const answer = await invoke(buildSqsEvent([foreign("a"), foreign("b")]), withoutAnswerFor("a", "b"));
  expect(answer.batchItemFailures).toEqual([{ itemIdentifier: "a" }, { itemIdentifier: "b" }]);
});

test("fails when poison is repeated, holds up its own group, or is not kept with its reason", async () => {
  const queue = world.process().queue;
  await queue.send({ body: "not json", groupId: "a", deduplicationId: "1" });
  const [poison] = await queue.receive(1);
  if (poison === undefined) throw new Error("nothing was received");
  const answer = await invoke(
    buildSqsEvent([{ id: "p", group: "a", body: poison.body, receipt: poison.receipt }, foreign("good", "a")]),
  );
  expect(answer.batchItemFailures).toEqual([]);
  expect(await get("good")).toMatchObject({ phase: "launching" });
  const [letter] = await queue.receiveDeadLetters(10);
  expect(letter).toMatchObject({ body: "not json", reason: expect.stringContaining("usage_invalid_message") });
  expect(telemetry.counts).toMatchObject({ MessagesRejected: 1, MessagesAccepted: 1 });
});

test("fails when a message for an id that stands with another payload touches that job", async () => {
  await invoke(buildSqsEvent([foreign("same")]));
  const before = await get("same");
  const answer = await invoke(buildSqsEvent([foreign("same", "same", "incoming/other.wav")]));
  expect(answer.batchItemFailures).toEqual([]);
  expect(await get("same")).toEqual(before);
  expect(await world.process().deadLetters.list()).toMatchObject([
    { reason: expect.stringContaining("idempotency_mismatch") },
  ]);
});

test("fails when a job without capacity is not acknowledged, or has no time for its next launch", async () => {
  await submit(
    world.process(),
    { jobId: "j", kind: "clean", inputs: [{ key: "incoming/talk.wav" }] },
    { owner: "local" },
  );
  const platform = world.process();
  const refuse = (code: "capacity_throttled" | "platform_launch_failed") => ({
    ...platform,
    launcher: { ...platform.launcher, launch: () => Promise.reject(new MixdownError(code, { message: "No." })) },
  });
  const event = buildSqsEvent([{ id: "m", group: "j", body: JSON.stringify({ jobId: "j", attempt: 1 }) }]);
  expect(await invoke(event, refuse("capacity_throttled"))).toEqual({ batchItemFailures: [] });
  const waiting = await get("j");
  expect(waiting).toMatchObject({ status: "queued", phase: "waiting", attempt: 1 });
  world.nowMs = Date.parse(waiting?.nextLaunchAt ?? "") + 1;
  expect(await invoke(event, refuse("platform_launch_failed"))).toEqual({ batchItemFailures: [] });
  expect(await get("j")).toMatchObject({ status: "failed", error: { code: "platform_launch_failed" } });
});

test("fails when a log carries the name of a person's file or a body", async () => {
  await invoke(
    buildSqsEvent([foreign("a", "a", "incoming/Jane Doe.wav"), { id: "p", group: "p", body: "Jane Doe's secret" }]),
  );
  expect(telemetry.text()).toContain('"jobId":"a"');
  expect(telemetry.text()).not.toContain("Jane");
});
