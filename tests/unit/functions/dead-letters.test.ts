import { afterEach, beforeEach, expect, test } from "vitest";
import { submit } from "../../../core/submit.ts";
import { createHandler } from "../../../functions/dead-letters/handler.ts";
import { buildSqsEvent, type TestMessage } from "../../fixtures/events/sqs-records.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { World } from "../core/model/world.ts";

let world: World;
beforeEach(async () => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  const request = { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
  await submit(world.process(), request, { owner: "local" });
});
afterEach(() => world.close());

const consume = (...messages: TestMessage[]) =>
  createHandler(world.process(), recordTelemetry())(buildSqsEvent(messages));
const withReason = (reason: string) => ({
  reason: { stringValue: reason, dataType: "String" as const },
});
const letters = () => world.process().deadLetters.list();
const get = () => world.get({ owner: "local", jobId: "j" });

test("fails when a message that died leaves its job waiting, or is not kept with its reason", async () => {
  const body = JSON.stringify({ jobId: "j", attempt: 1 });
  expect(await consume({ id: "m", group: "j", body })).toEqual({ batchItemFailures: [] });
  expect(await get()).toMatchObject({ status: "failed", error: { code: "platform_launch_failed" } });
  expect(await letters()).toMatchObject([{ id: "m", body, reason: expect.stringContaining("too often") }]);
});

test("fails when the letter of an older attempt ends the job", async () => {
  await consume({ id: "m", group: "j", body: JSON.stringify({ jobId: "j", attempt: 7 }) });
  expect(await get()).toMatchObject({ status: "queued" });
});

test("fails when a rejection is stored a second time, or another foreign message not at all", async () => {
  const attributes = withReason("usage_invalid_message: the body is not JSON");
  await consume({ id: "r", group: "r", body: "not json", attributes });
  expect(await letters()).toEqual([]);
  await consume({ id: "f", group: "f", body: JSON.stringify({ job_id: "x", s3_key: "y" }) });
  expect(await letters()).toMatchObject([{ id: "f" }]);
});
