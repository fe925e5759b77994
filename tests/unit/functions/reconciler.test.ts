import { afterEach, beforeEach, expect, test } from "vitest";
import { submit } from "../../../core/submit.ts";
import { createHandler } from "../../../functions/reconciler/handler.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { World } from "../core/model/world.ts";

let world: World;
beforeEach(() => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
});
afterEach(() => world.close());

const pass = async () => {
  const telemetry = recordTelemetry();
  await createHandler(world.process(), telemetry)();
  return telemetry.counts;
};

test("fails when a launch that never starts is not given its next attempt and counted", async () => {
  const request = { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
  await submit(world.process(), request, { owner: "local" });
  await world.invoke();
  expect(await pass()).toMatchObject({ JobsLookedAt: 0, LaunchDeadlinesMissed: 0 });
  world.nowMs += 301_000;
  expect(await pass()).toMatchObject({ JobsLookedAt: 1, LaunchDeadlinesMissed: 1, HeartbeatsLost: 0 });
  expect(await world.get({ owner: "local", jobId: "j" })).toMatchObject({ status: "queued", attempt: 2 });
});
