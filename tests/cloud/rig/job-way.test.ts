import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createDynamoDeadLetterStore } from "../../../adapters/aws/dead-letter-store.ts";
import { createDynamoJobStore } from "../../../adapters/aws/jobs/job-store.ts";
import { openTable } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import { isTerminal, type Job } from "../../../core/job.ts";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import { outOfMemory, spotInterruption } from "./ecs-stand-in.ts";
import { openRig, type Rig } from "./open-rig.ts";
import { buildBundles } from "./rig-functions.ts";

describeOnAws("The way of a job", () => {
  let rig: Rig;
  let scratchDir: string;
  const sqs = new SQSClient({});
  beforeAll(async () => {
    scratchDir = mkdtempSync(join(tmpdir(), "mixdown-rig-"));
    buildBundles();
    rig = await openRig({ scratchDir });
  });
  afterAll(async () => {
    await rig?.close();
    sqs.destroy();
    rmSync(scratchDir, { recursive: true, force: true });
  });
  afterEach(() => {
    expect(rig.faults).toEqual([]);
  });

  const jobs = () => createDynamoJobStore(openTable(rig.table), systemClock);
  const get = (jobId: string) => jobs().get({ owner: "local", jobId });
  const send = async (message: unknown, group = "g") => {
    const id = crypto.randomUUID();
    const MessageBody = typeof message === "string" ? message : JSON.stringify(message);
    const ids = { MessageGroupId: group, MessageDeduplicationId: id };
    await sqs.send(new SendMessageCommand({ QueueUrl: rig.queueUrl, MessageBody, ...ids }));
  };

  /** A tone with some noise, put by a presigned URL as a front end does. */
  const upload = async (key: string, seconds = 2, hertz = 220): Promise<void> => {
    const file = join(scratchDir, "talk.wav");
    const source = `sine=frequency=${hertz}:duration=${seconds},volume=-12dB`;
    execFileSync("ffmpeg", ["-v", "error", "-y", "-f", "lavfi", "-i", source, "-ar", "48000", file]);
    const command = new PutObjectCommand({ Bucket: rig.buckets.raw, Key: key, ContentType: "audio/wav" });
    const url = await getSignedUrl(rig.buckets.client(), command, { expiresIn: 900 });
    const answer = await fetch(url, {
      method: "PUT",
      body: readFileSync(file),
      headers: { "content-type": "audio/wav" },
    });
    expect(answer.status).toBe(200);
  };

  const ended = async (jobId: string, seconds = 90): Promise<Job> => {
    const deadline = Date.now() + seconds * 1_000;
    for (;;) {
      const job = await get(jobId);
      if (job !== undefined && isTerminal(job.status)) return job;
      if (Date.now() > deadline) {
        const tasks = rig.ecs.started.map((task) => ({ task: task.task.overrides, stderr: task.stderr() }));
        throw new Error(
          `${jobId} did not end: ${JSON.stringify({ job, tasks, faults: rig.faults.map(String) }, null, 1)}`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };

  /** The result by presigned GET, measured: loudness in LUFS and duration in seconds. */
  const measure = async (job: Job): Promise<{ lufs: number; seconds: number }> => {
    const [output] = job.outputs;
    const command = new GetObjectCommand({ Bucket: rig.buckets.derived, Key: output?.key });
    const answer = await fetch(await getSignedUrl(rig.buckets.client(), command, { expiresIn: 3_600 }));
    expect(answer.status).toBe(200);
    const file = join(scratchDir, "result");
    writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
    const probe = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file];
    const seconds = Number(execFileSync("ffprobe", probe).toString());
    const filter = ["-hide_banner", "-nostats", "-i", file, "-af", "ebur128", "-f", "null", "-"];
    const said = execFileSync("sh", ["-c", '"$0" "$@" 2>&1', "ffmpeg", ...filter]).toString();
    return { lufs: Number(/I:\s+(-?[\d.]+) LUFS\s+Threshold/.exec(said)?.[1]), seconds };
  };

  test("fails when a file by presigned URL and its message do not come back as a measured result", async () => {
    await upload("incoming/talk.wav");
    await send({ job_id: "first", s3_key: "incoming/talk.wav" });
    const job = await ended("first");
    expect(job).toMatchObject({ status: "succeeded", lane: "fargate-spot", attempt: 1, cached: false });
    const { lufs, seconds } = await measure(job);
    expect(lufs).toBeCloseTo(-16, 0);
    expect(seconds).toBeCloseTo(2, 1);
  });

  /** A job on its way: its worker has claimed it. */
  const started = async (jobId: string, seconds = 20) => {
    const key = `incoming/${jobId}.wav`;
    await upload(key, seconds, 200 + Math.random() * 200);
    await send({ job_id: jobId, s3_key: key }, jobId);
    await expect.poll(async () => (await get(jobId))?.status, { timeout: 30_000, interval: 50 }).toBe("running");
    return taskOf(jobId);
  };
  const tasksOf = (jobId: string) =>
    rig.ecs.started.filter(({ task }) =>
      task.overrides?.containerOverrides?.[0]?.environment?.some(({ value }) => value === jobId),
    );
  const taskOf = (jobId: string) => {
    const task = tasksOf(jobId).at(-1);
    if (task === undefined) throw new Error(`no task was started for ${jobId}`);
    return task;
  };

  test("fails when a message that comes twice processes twice", async () => {
    await upload("incoming/twice.wav");
    await send({ job_id: "twice", s3_key: "incoming/twice.wav" });
    await send({ job_id: "twice", s3_key: "incoming/twice.wav" });
    const job = await ended("twice");
    await send({ job_id: "twice", s3_key: "incoming/twice.wav" });
    await send({ jobId: "twice", attempt: 1 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await get("twice")).toEqual(job);
    expect(tasksOf("twice").filter((task) => task.child.exitCode !== null)).not.toHaveLength(0);
  });

  test("fails when two workers on one attempt both commit, or the loser fails", async () => {
    const first = await started("race");
    const second = rig.ecs.twin(first);
    const job = await ended("race");
    expect(job).toMatchObject({ status: "succeeded", attempt: 1 });
    await expect.poll(() => second.child.exitCode, { timeout: 30_000 }).toBe(0);
    expect(await get("race")).toEqual(job);
  });

  test.each([
    ["killed", { ...outOfMemory, reason: "" }, { attempt: 2, lane: "fargate-spot", size: "S" }],
    ["starved", outOfMemory, { attempt: 2, lane: "fargate-spot", size: "M" }],
    ["interrupted", spotInterruption, { attempt: 2, lane: "fargate", size: "S", maxAttempts: 4 }],
  ])(
    "fails when a worker that is %s loses its job, or its next attempt is not where it should be",
    async (id, fault, after) => {
      rig.ecs.strike(await started(id), fault);
      expect(await ended(id)).toMatchObject({ status: "succeeded", ...after });
      expect(tasksOf(id)).toHaveLength(2);
    },
  );

  test("fails when the news of a task's end that comes twice takes two attempts", async () => {
    rig.ecs.copies = 2;
    try {
      rig.ecs.strike(await started("told-twice"), { ...outOfMemory, reason: "" });
      expect(await ended("told-twice")).toMatchObject({ status: "succeeded", attempt: 2 });
    } finally {
      rig.ecs.copies = 1;
    }
  });

  test("fails when a lost event loses the job", async () => {
    rig.ecs.muted = true;
    const task = await started("unheard");
    rig.ecs.strike(task, { ...outOfMemory, reason: "" });
    await expect.poll(() => task.child.signalCode).toBe("SIGKILL");
    rig.ecs.muted = false;
    await rig.functions.call("reconciler", {});
    expect((await get("unheard"))?.attempt).toBe(1);
    // A minute without a sign of life.
    await new Promise((resolve) => setTimeout(resolve, 62_000));
    await rig.functions.call("reconciler", {});
    expect(await ended("unheard")).toMatchObject({ status: "succeeded", attempt: 2 });
  });

  test("fails when poison among good messages of one group holds them up, or is not kept with its reason", async () => {
    await upload("incoming/good.wav");
    await send("not json", "mixed");
    await send({ job_id: "good-1", s3_key: "incoming/good.wav" }, "mixed");
    await send({ jobId: "..", attempt: 1 }, "mixed");
    await send({ job_id: "good-2", s3_key: "incoming/none.wav" }, "mixed");
    expect(await ended("good-1")).toMatchObject({ status: "succeeded" });
    expect(await ended("good-2")).toMatchObject({ status: "failed", error: { code: "input_not_found" } });
    const letters = await createDynamoDeadLetterStore(openTable(rig.table), systemClock).list();
    expect(letters.map((letter) => letter.reason)).toEqual([
      expect.stringContaining("usage_invalid_message"),
      expect.stringContaining("usage_invalid_message"),
    ]);
  });
});
