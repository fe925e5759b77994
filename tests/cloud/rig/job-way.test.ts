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
  const upload = async (key: string, seconds = 2): Promise<void> => {
    const file = join(scratchDir, "talk.wav");
    const source = `sine=frequency=220:duration=${seconds},volume=-12dB`;
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
});
