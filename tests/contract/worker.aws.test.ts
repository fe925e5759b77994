import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSqsJobQueue } from "../../adapters/aws/job-queue.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { createS3ObjectStore } from "../../adapters/aws/objects/object-store.ts";
import { createDynamoResultCache } from "../../adapters/aws/result-cache.ts";
import { openTable } from "../../adapters/aws/table.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import type { Job } from "../../core/job.ts";
import { launch } from "../../core/launch.ts";
import type { Platform } from "../../core/platform.ts";
import { submit } from "../../core/submit.ts";
import { mixdownVersion } from "../../core/version.ts";
import { createTestBuckets, createTestQueues, createTestTable, describeOnAws } from "../fixtures/aws-emulator.ts";

const worker = fileURLToPath(new URL("../../worker/main.ts", import.meta.url));
const ffmpegMajor = 5;

async function open() {
  const table = await createTestTable();
  const { buckets, remove: removeBuckets } = await createTestBuckets();
  const queues = await createTestQueues({ visibilityTimeoutSeconds: 30, maxReceiveCount: 5 });
  const folder = mkdtempSync(join(tmpdir(), "mixdown-worker-"));
  const launched: string[] = [];
  const platform: Platform = {
    jobs: createDynamoJobStore(openTable(table.name), systemClock),
    queue: createSqsJobQueue(queues),
    cache: createDynamoResultCache(openTable(table.name), systemClock),
    objects: createS3ObjectStore(buckets),
    deadLetters: { put: async () => {}, list: async () => [], remove: async () => {} },
    launcher: {
      launch: async ({ clientToken }) => {
        launched.push(clientToken);
        return { taskId: `arn:task/${launched.length}` };
      },
      stop: async () => {},
      isAlive: async () => true,
    },
    clock: systemClock,
    settings: {
      defaultOwner: "local",
      sharedCache: false,
      mixdownVersion,
      ffmpegMajor,
      lanes: "aws",
      outputsMs: 86_400_000,
    },
  };
  const env = {
    ...process.env,
    MIXDOWN_ENV: "test",
    MIXDOWN_TABLE: table.name,
    MIXDOWN_RAW_BUCKET: buckets.raw,
    MIXDOWN_DERIVED_BUCKET: buckets.derived,
    MIXDOWN_QUEUE_URL: queues.queueUrl,
    MIXDOWN_FFMPEG_MAJOR: String(ffmpegMajor),
    MIXDOWN_SCRATCH: join(folder, "scratch"),
  };
  return {
    platform,
    folder,
    env,
    close: async () => {
      rmSync(folder, { recursive: true, force: true });
      await Promise.all([table.remove(), removeBuckets(), queues.remove()]);
    },
  };
}

describeOnAws("the worker", () => {
  describe("one attempt", () => {
    let opened: Awaited<ReturnType<typeof open>>;
    beforeEach(async () => {
      opened = await open();
    });
    const children = new Set<ChildProcess>();
    afterEach(async () => {
      for (const child of children) child.kill("SIGKILL");
      children.clear();
      await opened.close();
    });

    async function submitClean(seconds: number): Promise<Job> {
      const path = join(opened.folder, "talk.wav");
      const source = `anoisesrc=d=${seconds}:a=0.01:r=48000:seed=1[n];sine=f=220:d=${seconds}:r=48000[s];[n][s]amix=2`;
      execFileSync("ffmpeg", ["-v", "error", "-y", "-filter_complex", source, path]);
      await opened.platform.objects.putFile("raw/local/1/talk.wav", path, "audio/wav");
      const body = { kind: "clean", inputs: [{ key: "raw/local/1/talk.wav" }] };
      const { job } = await submit(opened.platform, body, { owner: "local" });
      await launch(opened.platform, job, 1);
      return job;
    }

    function work(job: Job, attempt: number) {
      const env = { ...opened.env, MIXDOWN_JOB_ID: job.jobId, MIXDOWN_ATTEMPT: String(attempt) };
      const child = spawn(process.execPath, [worker], { env, stdio: ["ignore", "inherit", "pipe"] });
      children.add(child);
      const said = text(child.stderr);
      const ended = once(child, "exit").then(async ([code]) => ({ code, stderr: await said }));
      return { child, ended };
    }
    const scratch = () => readdirSync(join(opened.folder, "scratch"));

    test("fails when a worker does not bring a job from the bucket to its committed result", async () => {
      const job = await submitClean(2);
      expect(await work(job, 1).ended).toEqual({ code: 0, stderr: "" });
      const done = await opened.platform.jobs.get(job);
      expect(done).toMatchObject({ status: "succeeded", attempt: 1, error: null });
      const [output] = done?.outputs ?? [];
      expect(output?.key).toMatch(new RegExp(`^outputs/${job.jobId}/`));
      const object = await opened.platform.objects.head(output?.key ?? "");
      expect(object).toMatchObject({ sizeBytes: output?.sizeBytes, sha256: output?.sha256 });
      expect(done?.report?.after).not.toBeNull();
      expect(scratch()).toEqual([]);
    });

    test("fails when two workers on one attempt both commit, or the one that is late changes anything", async () => {
      const job = await submitClean(2);
      const ends = await Promise.all([work(job, 1).ended, work(job, 1).ended]);
      expect(ends.map((end) => end.code)).toEqual([0, 0]);
      const done = await opened.platform.jobs.get(job);
      expect(done?.status).toBe("succeeded");
      expect((await work(job, 1).ended).code).toBe(0);
      expect(await opened.platform.jobs.get(job)).toEqual(done);
      const keys: string[] = [];
      for await (const { key } of opened.platform.objects.list(`outputs/${job.jobId}/`)) keys.push(key);
      expect(keys.toSorted()).toEqual(done?.outputs.map((output) => output.key).toSorted());
    });

    test("fails when a worker that is told to stop keeps its job, or leaves anything behind", async () => {
      const job = await submitClean(90);
      const { child, ended } = work(job, 1);
      await vi.waitFor(async () => expect((await opened.platform.jobs.get(job))?.status).toBe("running"), {
        timeout: 30_000,
        interval: 50,
      });
      child.kill("SIGTERM");
      expect((await ended).code).toBe(0);
      expect(await opened.platform.jobs.get(job)).toMatchObject({ status: "queued", attempt: 2, handBacks: 1 });
      expect(scratch()).toEqual([]);
    });
  });
});
