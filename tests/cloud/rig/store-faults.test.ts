import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import { openRigClient, type RigClient } from "./rig-client.ts";

describeOnAws("Writes that the store refuses", () => {
  let client: RigClient;
  beforeAll(async () => {
    client = await openRigClient();
  });
  afterAll(() => client?.close());
  afterEach(() => {
    expect(client.rig.store.refusals.filter(({ times }) => times > 0)).toEqual([]);
    expect(client.rig.faults).toEqual([]);
  });

  const submit = async (jobId: string, hertz: number) => {
    const key = `incoming/${jobId}.wav`;
    await client.upload(key, { hertz });
    await client.send({ job_id: jobId, s3_key: key }, jobId);
  };

  test.each([
    // What passes is asked for again by the SDK, three times in all; the message comes again after that.
    ["ProvisionedThroughputExceededException", 3],
    ["ProvisionedThroughputExceededException", 7],
    ["InternalServerError", 4],
    ["AccessDeniedException", 1],
  ] as const)(
    "fails when a job whose acceptance is refused (%s, %d times) is lost or runs twice",
    async (error, times) => {
      const id = `not-accepted-${error}-${times}`;
      client.rig.store.refusals.push({ about: [id], error, times });
      await submit(id, 300 + 10 * times);
      expect(await client.ended(id)).toMatchObject({ status: "succeeded", attempt: 1 });
      expect(client.rig.front.launched.filter((jobId) => jobId === id)).toHaveLength(1);
    },
  );

  test("fails when a launch that cannot be noted starts a second worker, or none", async () => {
    client.rig.store.refusals.push({ about: ["not-noted", "launch"], error: "AccessDeniedException", times: 1 });
    await submit("not-noted", 510);
    expect(await client.ended("not-noted")).toMatchObject({ status: "succeeded", attempt: 1 });
    expect(client.rig.front.launched.filter((jobId) => jobId === "not-noted")).toHaveLength(1);
  });

  test("fails when a commit that is refused loses the job, or makes two results", async () => {
    const about = ["refused-commit", "succeeded"];
    client.rig.store.refusals.push({ about, error: "AccessDeniedException", times: 1 });
    await submit("refused-commit", 610);
    const job = await client.ended("refused-commit");
    expect(job).toMatchObject({ status: "succeeded" });
    expect(Math.abs((await client.measure(job)).lufs + 16)).toBeLessThanOrEqual(0.5);
  });
});
