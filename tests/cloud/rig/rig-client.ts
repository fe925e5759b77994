import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { createDynamoJobStore } from "../../../adapters/aws/jobs/job-store.ts";
import { openTable } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import { isTerminal, type Job } from "../../../core/job.ts";
import type { RunningTask } from "./ecs-stand-in.ts";
import { openRig, type Rig, type RigOptions } from "./open-rig.ts";
import { buildBundles } from "./rig-functions.ts";

export interface Tone {
  readonly seconds?: number;
  readonly hertz?: number;
}

/** As much of a rig as its client needs. */
export type ClientRig = Pick<Rig, "buckets" | "table" | "queueUrl" | "ecs" | "faults" | "close">;

/** What a front end does to the platform, and what a test wants to know of it. */
export interface RigClient<R extends ClientRig = Rig> {
  readonly rig: R;
  /** A tone by a presigned URL, as front ends put their files. */
  upload(key: string, tone?: Tone): Promise<void>;
  makeTone(tone?: Tone): Promise<Buffer<ArrayBuffer>>;
  send(message: unknown, group?: string): Promise<void>;
  get(jobId: string): Promise<Job | undefined>;
  /** The job when it has ended. @throws with all that is known when it does not within 90 s */
  ended(jobId: string): Promise<Job>;
  /** Uploads a file of its own, sends its message, and waits until a worker has claimed the job. */
  started(jobId: string, seconds?: number): Promise<RunningTask>;
  tasksOf(jobId: string): readonly RunningTask[];
  /** The result by presigned GET: loudness in LUFS and duration in seconds. */
  measure(job: Job): Promise<{ readonly lufs: number; readonly seconds: number }>;
  close(): Promise<void>;
}

const patienceMs = 90_000;

/** Builds the bundles and opens a rig. */
export async function openRigClient(options: Omit<RigOptions, "scratchDir"> = {}): Promise<RigClient> {
  const scratchDir = mkdtempSync(join(tmpdir(), "mixdown-rig-"));
  buildBundles();
  return createRigClient(await openRig({ ...options, scratchDir }), scratchDir);
}

/** @param scratchDir is removed with the rig */
export function createRigClient<R extends ClientRig>(rig: R, scratchDir: string): RigClient<R> {
  const sqs = new SQSClient({});
  const jobs = createDynamoJobStore(openTable(rig.table), systemClock);

  const get = (jobId: string) => jobs.get({ owner: "local", jobId });
  const tasksOf = (jobId: string) => rig.ecs.started.filter((task) => task.env.MIXDOWN_JOB_ID === jobId);

  async function until(jobId: string, what: string, holds: (job: Job) => boolean): Promise<Job> {
    const deadline = Date.now() + patienceMs;
    for (;;) {
      const job = await get(jobId);
      if (job !== undefined && holds(job)) return job;
      if (Date.now() > deadline) {
        const tasks = tasksOf(jobId).map((task) => ({ exitCode: task.child.exitCode, stderr: task.stderr() }));
        const known = { job, tasks, faults: rig.faults.map(String) };
        throw new Error(`${jobId} is not ${what}: ${JSON.stringify(known, null, 1)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function makeTone({ seconds = 2, hertz = 220 }: Tone = {}): Promise<Buffer<ArrayBuffer>> {
    const file = join(scratchDir, `${randomUUID()}.wav`);
    const source = `sine=frequency=${hertz}:duration=${seconds},volume=-12dB`;
    execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", source, "-ar", "48000", file]);
    return readFileSync(file);
  }

  async function upload(key: string, tone?: Tone): Promise<void> {
    const body = await makeTone(tone);
    const command = new PutObjectCommand({ Bucket: rig.buckets.raw, Key: key, ContentType: "audio/wav" });
    const url = await getSignedUrl(rig.buckets.client(), command, { expiresIn: 900 });
    const headers = { "content-type": "audio/wav" };
    const answer = await fetch(url, { method: "PUT", body, headers });
    if (!answer.ok) throw new Error(`the upload was answered ${answer.status}: ${await answer.text()}`);
  }

  async function send(message: unknown, group = "g"): Promise<void> {
    const MessageBody = typeof message === "string" ? message : JSON.stringify(message);
    const ids = { MessageGroupId: group, MessageDeduplicationId: randomUUID() };
    await sqs.send(new SendMessageCommand({ QueueUrl: rig.queueUrl, MessageBody, ...ids }));
  }

  return {
    rig,
    upload,
    makeTone,
    send,
    get,
    tasksOf,
    ended: (jobId) => until(jobId, "at its end", (job) => isTerminal(job.status)),
    async started(jobId, seconds = 20) {
      const key = `incoming/${jobId}.wav`;
      // A tone of its own: an equal file would come from the cache.
      await upload(key, { seconds, hertz: 200 + Math.random() * 200 });
      await send({ job_id: jobId, s3_key: key }, jobId);
      await until(jobId, "running", (job) => job.status === "running");
      const task = tasksOf(jobId).at(-1);
      if (task === undefined) throw new Error(`no task was started for ${jobId}`);
      return task;
    },
    async measure(job) {
      const command = new GetObjectCommand({ Bucket: rig.buckets.derived, Key: job.outputs[0]?.key });
      const answer = await fetch(await getSignedUrl(rig.buckets.client(), command, { expiresIn: 3_600 }));
      if (!answer.ok) throw new Error(`the download was answered ${answer.status}`);
      const file = join(scratchDir, randomUUID());
      writeFileSync(file, Buffer.from(await answer.arrayBuffer()));
      const probe = ["-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", file];
      const seconds = Number(execFileSync("ffprobe", probe).toString());
      const meter = ["-v", "error", "-i", file, "-af", "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-"];
      const lines = execFileSync("ffmpeg", [...meter, "-f", "null", "-"])
        .toString()
        .trim()
        .split("\n");
      return { lufs: Number(/lavfi\.r128\.I=(-?[\d.]+)/.exec(lines.at(-1) ?? "")?.[1]), seconds };
    },
    async close() {
      await rig.close();
      sqs.destroy();
      rmSync(scratchDir, { recursive: true, force: true });
    },
  };
}
