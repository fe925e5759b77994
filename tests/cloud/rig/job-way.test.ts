import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createDynamoDeadLetterStore } from "../../../adapters/aws/dead-letter-store.ts";
import { openTable } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import { killed, outOfMemory, spotInterruption } from "./ecs-stand-in.ts";
import { openRigClient, type RigClient } from "./rig-client.ts";

describeOnAws("The way of a job", () => {
  let client: RigClient;
  beforeAll(async () => {
    client = await openRigClient();
  });
  afterAll(() => client?.close());
  afterEach(() => {
    expect(client.rig.faults).toEqual([]);
  });

  test("fails when a file by presigned URL and its message do not come back as a measured result", async () => {
    await client.upload("incoming/talk.wav");
    await client.send({ job_id: "first", s3_key: "incoming/talk.wav" });
    const job = await client.ended("first");
    expect(job).toMatchObject({ status: "succeeded", lane: "fargate-spot", attempt: 1, cached: false });
    const { lufs, seconds } = await client.measure(job);
    expect(lufs).toBeCloseTo(-16, 0);
    expect(seconds).toBeCloseTo(2, 1);
  });

  test("fails when a message that comes twice processes twice", async () => {
    await client.upload("incoming/twice.wav");
    await client.send({ job_id: "twice", s3_key: "incoming/twice.wav" });
    await client.send({ job_id: "twice", s3_key: "incoming/twice.wav" });
    const job = await client.ended("twice");
    await client.send({ job_id: "twice", s3_key: "incoming/twice.wav" });
    await client.send({ jobId: "twice", attempt: 1 });
    await sleep(2_000);
    expect(await client.get("twice")).toEqual(job);
    expect(client.tasksOf("twice").filter((task) => task.child.exitCode !== null)).not.toHaveLength(0);
  });

  test("fails when two workers on one attempt both commit, or the loser fails", async () => {
    const first = await client.started("race");
    const second = client.rig.ecs.twin(first);
    const job = await client.ended("race");
    expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
    await expect.poll(() => second.child.exitCode, { timeout: 30_000 }).toBe(0);
    expect(await client.get("race")).toEqual(job);
  });

  test.each([
    ["killed", killed, { attempt: 2, lane: "fargate-spot", size: "S" }],
    ["starved", outOfMemory, { attempt: 2, lane: "fargate-spot", size: "M" }],
    ["interrupted", spotInterruption, { attempt: 2, lane: "fargate", size: "S", maxAttempts: 4 }],
  ])(
    "fails when a worker that is %s loses its job, or its next attempt is not where it should be",
    async (id, fault, after) => {
      client.rig.ecs.strike(await client.started(id), fault);
      expect(await client.ended(id)).toMatchObject({ status: "succeeded", ...after });
      expect(client.tasksOf(id)).toHaveLength(2);
    },
  );

  test("fails when the news of a task's end that comes twice takes two attempts", async () => {
    client.rig.ecs.copies = 2;
    try {
      client.rig.ecs.strike(await client.started("told-twice"), killed);
      expect(await client.ended("told-twice")).toMatchObject({ status: "succeeded", attempt: 2 });
    } finally {
      client.rig.ecs.copies = 1;
    }
  });

  test("fails when a lost event loses the job", async () => {
    client.rig.ecs.muted = true;
    const task = await client.started("unheard");
    client.rig.ecs.strike(task, killed);
    await expect.poll(() => task.child.signalCode).toBe("SIGKILL");
    client.rig.ecs.muted = false;
    await client.rig.functions.call("reconciler", {});
    expect((await client.get("unheard"))?.attempt).toBe(1);
    // A minute without a sign of life.
    await sleep(62_000);
    await client.rig.functions.call("reconciler", {});
    expect(await client.ended("unheard")).toMatchObject({ status: "succeeded", attempt: 2 });
  });

  test("fails when poison among good messages of one group holds them up, or is not kept with its reason", async () => {
    await client.upload("incoming/good.wav");
    await client.send("not json", "mixed");
    await client.send({ job_id: "good-1", s3_key: "incoming/good.wav" }, "mixed");
    await client.send({ jobId: "..", attempt: 1 }, "mixed");
    await client.send({ job_id: "good-2", s3_key: "incoming/none.wav" }, "mixed");
    expect(await client.ended("good-1")).toMatchObject({ status: "succeeded" });
    expect(await client.ended("good-2")).toMatchObject({ status: "failed", error: { code: "input_not_found" } });
    const letters = await createDynamoDeadLetterStore(openTable(client.rig.table), systemClock).list();
    expect(letters.map((letter) => letter.reason)).toEqual([
      expect.stringContaining("usage_invalid_message"),
      expect.stringContaining("usage_invalid_message"),
    ]);
  });
});
