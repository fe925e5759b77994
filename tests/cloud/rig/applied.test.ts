import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createDynamoApiKeyStore } from "../../../adapters/aws/api-key-store.ts";
import { createDynamoJobStore } from "../../../adapters/aws/jobs/job-store.ts";
import { openTable } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import { createClient } from "../../../client/index.ts";
import { createApiKey } from "../../../core/api-keys.ts";
import type { Job } from "../../../core/job.ts";
import { parseParams } from "../../../core/kinds/index.ts";
import { buildTestJob } from "../../fixtures/jobs.ts";
import { setUpTerraform, type TerraformSetup } from "../terraform-fixture.ts";
import { type AppliedRig, openAppliedRig } from "./applied-rig.ts";
import type { RunningCall } from "./lambda-stand-in.ts";
import type { RigClient } from "./rig-client.ts";

const setup = await setUpTerraform();
if (typeof setup === "string") {
  process.stderr.write(`\nSKIPPED: jobs on what Terraform has applied: ${setup}.\n\n`);
  // Skipped, and said so in the report: there is no Terraform, or no emulator that it could apply to.
  test.skip(setup, () => {});
} else {
  process.stderr.write(`\n${setup.banner}\n\n`);
  afterAll(() => setup.remove());
  describe("jobs on what Terraform has applied", () => tryJobs(setup));
}

const off = { MIXDOWN_LAMBDA_LANE: "false", MIXDOWN_GPU: "true" };
const on = { MIXDOWN_LAMBDA_LANE: "true", MIXDOWN_GPU: "false" };

function tryJobs(setUp: TerraformSetup): void {
  let client: RigClient<AppliedRig>;
  /** Whichever comes first makes the environment; the other changes it in place. */
  const apply = async (variables: NodeJS.ProcessEnv) => {
    if (client === undefined) client = await openAppliedRig(setUp, variables);
    else await client.rig.change(variables);
  };
  afterAll(() => client?.close());
  afterEach(() => expect(client.rig.faults).toEqual([]));

  const expectMeasured = async (job: Job) => {
    expect(job.error).toBeNull();
    expect(Math.abs((await client.measure(job)).lufs + 16)).toBeLessThanOrEqual(0.5);
  };
  /** A file and its message, as older front ends send them. */
  const send = async (jobId: string, seconds = 2) => {
    const key = `incoming/${jobId}.wav`;
    await client.upload(key, { seconds, hertz: 200 + Math.random() * 200 });
    await client.send({ job_id: jobId, s3_key: key }, jobId);
  };
  const openApi = async () => {
    const keys = createDynamoApiKeyStore(openTable(client.rig.table));
    const { key } = await createApiKey({ keys, clock: systemClock }, { owner: "local", name: "rig" });
    return createClient({ baseUrl: client.rig.apiUrl, key });
  };
  /** From upload ticket to download link, over the gateway that Terraform made. */
  const goByHttp = async (jobId: string): Promise<Job> => {
    const api = await openApi();
    const file = new Blob([await client.makeTone({ hertz: 200 + Math.random() * 200 })]);
    const { key } = await api.upload(file, { filename: "my talk.wav", contentType: "audio/wav" });
    await api.submit({ jobId, kind: "clean", inputs: [{ key }] });
    const job = await client.ended(jobId);
    const answer = await api.download(jobId, job.outputs[0]?.name ?? "");
    expect((await answer.arrayBuffer()).byteLength).toBe(job.outputs[0]?.sizeBytes);
    return job;
  };
  const callOf = async (jobId: string, attempt = 1): Promise<RunningCall> => {
    const find = () =>
      client.rig.lambda.started.find(
        ({ payload }) => payload.MIXDOWN_JOB_ID === jobId && payload.MIXDOWN_ATTEMPT === String(attempt),
      );
    await expect.poll(find, { timeout: 60_000, interval: 20 }).toBeDefined();
    return find() as RunningCall;
  };
  /** What was refused for now is launched again when it is due. */
  const relaunch = async (jobId: string) => {
    await expect.poll(() => client.get(jobId), { timeout: 60_000 }).toMatchObject({ waitsFor: { reason: "capacity" } });
    const due = Date.parse((await client.get(jobId))?.nextLaunchAt ?? "") - Date.now();
    await sleep(Math.max(0, due) + 100);
    await client.rig.call("reconciler", {});
  };

  describe("with tasks alone", () => {
    beforeAll(() => apply(off));

    test("fails when a message does not come back as a file", async () => {
      await send("by-message");
      const job = await client.ended("by-message");
      expect(job).toMatchObject({ status: "succeeded", lane: "fargate-spot", attempt: 1 });
      const [task] = client.tasksOf("by-message");
      expect(task?.env).toMatchObject({ MIXDOWN_TABLE: client.rig.table, MIXDOWN_FFMPEG_MAJOR: "5" });
      await expectMeasured(job);
    });

    test("fails when a job by HTTP does not come back as a file", async () => {
      const job = await goByHttp("by-http");
      expect(job).toMatchObject({ lane: "fargate-spot", attempt: 1 });
      await expectMeasured(job);
    });

    test("fails when a dropped file does not come back", async () => {
      await client.rig.hearDrops(true);
      await client.upload("dropped by hand.wav", { hertz: 333 }).finally(() => client.rig.hearDrops(false));
      const api = await openApi();
      const find = async () => {
        for await (const job of api.list())
          if (job.inputs.some((input) => "key" in input && /hand/.test(input.key))) return job;
        return undefined;
      };
      await expect.poll(find, { timeout: 60_000, interval: 300 }).toBeDefined();
      await expectMeasured(await client.ended((await find())?.jobId ?? ""));
    });

    test("fails when a commit that the store refuses loses the job, or makes two results", async () => {
      const refusal = { about: ["refused-commit", "succeeded"], error: "AccessDeniedException", times: 1 };
      client.rig.store.refusals.push(refusal);
      await send("refused-commit");
      const job = await client.ended("refused-commit");
      expect(refusal.times).toBe(0);
      await expectMeasured(job);
    });
  });

  describe("with the Lambda lane, without GPUs", () => {
    beforeAll(() => apply(on));
    afterEach(() => {
      client.rig.lambda.limitMs = null;
    });

    test("fails when a short job does not run as a function", async () => {
      await send("short");
      const job = await client.ended("short");
      expect(job).toMatchObject({ status: "succeeded", lane: "lambda", attempt: 1 });
      expect(client.tasksOf("short")).toEqual([]);
      await expect.poll(async () => (await callOf("short")).outcome, { timeout: 30_000 }).toBeNull();
      await expectMeasured(job);
    });

    test("fails when a short job by HTTP does not run as a function", async () => {
      const job = await goByHttp("short-by-http");
      expect(job).toMatchObject({ lane: "lambda", attempt: 1 });
      await expectMeasured(job);
    });

    test("fails when a function does not hand its job back 20 s before its limit", async () => {
      client.rig.lambda.limitMs = 28_000;
      await send("handed-back", 300);
      const began = Date.now();
      const call = await callOf("handed-back");
      await expect
        .poll(async () => (await client.get("handed-back"))?.status, { timeout: 8_000, interval: 20 })
        .toBe("running");
      client.rig.lambda.strike(call, "SIGSTOP");
      await sleep(Math.max(0, 10_000 - (Date.now() - began)));
      client.rig.lambda.strike(call, "SIGCONT");
      expect(await client.ended("handed-back")).toMatchObject({ status: "succeeded", lane: "fargate", handBacks: 1 });
      expect(call.outcome).toBeNull();
    });

    test.each([
      // As Lambda ends a function that has no memory left: it would end so again with as much.
      ["SIGKILL", "fargate-spot"],
      ["SIGABRT", "lambda"],
    ] as const)(
      "fails when a function whose worker ends by %s keeps its job, or commits twice",
      async (signal, lane) => {
        const id = `ended-by-${signal}`.toLowerCase();
        await send(id, 300);
        const call = await callOf(id);
        await expect
          .poll(async () => (await client.get(id))?.status, { timeout: 20_000, interval: 20 })
          .toBe("running");
        expect(client.rig.lambda.strike(call, signal)).toBe(true);
        const job = await client.ended(id);
        expect(job).toMatchObject({ status: "succeeded", lane, attempt: 2 });
        expect(call.outcome).toMatchObject({ errorType: "Mixdown.WorkerFailed" });
        await expectMeasured(job);
      },
    );

    test("fails when a function that does nothing until Lambda ends it keeps its job", async () => {
      client.rig.lambda.limitMs = 5_000;
      client.rig.lambda.hanging = 1;
      await send("hanging");
      const job = await client.ended("hanging");
      expect(job).toMatchObject({ status: "succeeded", lane: "fargate", attempt: 2, handBacks: 1 });
      expect((await callOf("hanging")).outcome).toMatchObject({ errorType: "Sandbox.Timedout" });
    });

    test("fails when a function that has no room keeps its job, or fails it", async () => {
      client.rig.lambda.refusals.push("SubnetIPAddressLimitReachedException");
      await send("no-room");
      await relaunch("no-room");
      expect(await client.ended("no-room")).toMatchObject({ status: "succeeded", lane: "fargate", attempt: 1 });
    });

    test("fails when a job that asks for a GPU waits for one where there is none", async () => {
      await client.upload("raw/local/1/gpu.wav", { hertz: 777 });
      const jobs = createDynamoJobStore(openTable(client.rig.table), systemClock);
      const inputs = [{ key: "raw/local/1/gpu.wav" }];
      const params = parseParams("clean", {});
      const createdAt = new Date().toISOString();
      await jobs.create(buildTestJob({ jobId: "gpu", lane: "gpu", inputs, params, createdAt }));
      await client.send({ jobId: "gpu", attempt: 1 }, "gpu");
      await relaunch("gpu");
      expect(await client.ended("gpu")).toMatchObject({ status: "succeeded", lane: "fargate" });
    });
  });
}
