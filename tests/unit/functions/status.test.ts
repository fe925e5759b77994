import { afterEach, beforeEach, expect, test } from "vitest";
import type { Job } from "../../../core/job.ts";
import { submit } from "../../../core/submit.ts";
import { createHandler } from "../../../functions/status/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { World } from "../core/model/world.ts";

let world: World;
beforeEach(async () => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  const request = { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
  await submit(world.process(), request, { owner: "local" });
  await world.settle();
});
afterEach(() => world.close());

const run = async (event: unknown, off = false) => {
  const rows: Job[] = [];
  const table = { put: async (job: Job) => void rows.push(job) };
  const deps = { jobs: { get: world.get }, openTable: async () => (off ? null : table) };
  await createHandler(deps, recordTelemetry())(event);
  return rows;
};

test("fails when the row is not the job as it stands, however old the event", async () => {
  const event = loadEvent<{ "detail-type": string; detail: { type: string; version: number } }>("bus-job-succeeded");
  expect(await run(event)).toMatchObject([
    { jobId: "j", status: "succeeded", version: (await world.get({ owner: "local", jobId: "j" }))?.version },
  ]);
  event.detail = { ...event.detail, type: "job.queued.v1", version: 1 };
  expect(await run(event)).toMatchObject([{ status: "succeeded" }]);
});

test("fails when an environment without a table is an error, or a job that is gone", async () => {
  const event = loadEvent<{ detail: { subject: string } }>("bus-job-succeeded");
  expect(await run(event, true)).toEqual([]);
  event.detail.subject = "gone";
  expect(await run(event)).toEqual([]);
});

test("fails when a rejected message makes a row", async () => {
  const event = loadEvent<{ detail: { type: string } }>("bus-job-succeeded");
  event.detail.type = "message.rejected.v1";
  expect(await run(event)).toEqual([]);
});
