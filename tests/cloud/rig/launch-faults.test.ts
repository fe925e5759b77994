import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import type { Refusal } from "./ecs-front.ts";
import { openRigClient, type RigClient } from "./rig-client.ts";

/** The SDK asks three times before it believes that it is throttled. */
const triple = (refusal: Refusal): Refusal[] => [refusal, refusal, refusal];

describeOnAws("Launches that ECS refuses", () => {
  let client: RigClient;
  beforeAll(async () => {
    client = await openRigClient();
  });
  afterAll(() => client?.close());
  afterEach(() => {
    expect(client.rig.front.refusals).toEqual([]);
    expect(client.rig.faults).toEqual([]);
  });

  const submit = async (jobId: string, refusals: readonly Refusal[]) => {
    const key = `incoming/${jobId}.wav`;
    await client.upload(key, { hertz: 200 + Math.random() * 200 });
    client.rig.front.refusals.push(...refusals);
    await client.send({ job_id: jobId, s3_key: key }, jobId);
  };

  test.each([
    ["no-room", ["capacity"], "fargate"],
    ["slow-down", triple("throttled"), "fargate-spot"],
  ] as const)(
    "fails when a launch refused for now (%s) uses up an attempt, is forgotten, or blocks the queue",
    async (id, refusals, lane) => {
      await submit(id, refusals);
      await expect
        .poll(() => client.get(id), { timeout: 30_000 })
        .toMatchObject({
          status: "queued",
          phase: "waiting",
          attempt: 1,
          lane,
          waitsFor: { reason: "capacity" },
        });
      const waiting = await client.get(id);
      await sleep(Math.max(0, Date.parse(waiting?.nextLaunchAt ?? "") - Date.now()) + 100);
      await client.rig.functions.call("reconciler", {});
      expect(await client.ended(id)).toMatchObject({ status: "succeeded", attempt: 1, lane });
    },
  );

  test.each([
    ["misconfigured", "missing", "MISSING"],
    ["forbidden", "access-denied", "AccessDenied"],
    ["strange", "conflict-with-a-stranger", "token"],
  ] as const)(
    "fails when a launch that is %s does not end its job at once with the reason",
    async (id, refusal, said) => {
      await submit(id, [refusal]);
      expect(await client.ended(id)).toMatchObject({
        status: "failed",
        attempt: 1,
        error: { code: "platform_launch_failed", detail: expect.stringContaining(said) },
      });
      expect(client.tasksOf(id)).toEqual([]);
    },
  );

  test("fails when a message that comes again while its task starts launches a second one", async () => {
    await submit("again", []);
    for (let copy = 0; copy < 5; copy++) await client.send({ jobId: "again", attempt: 1 }, "again");
    expect(await client.ended("again")).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(client.rig.front.launched.filter((jobId) => jobId === "again")).toHaveLength(1);
  });
});
