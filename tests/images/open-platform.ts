import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createDynamoDeadLetterStore } from "../../adapters/aws/dead-letter-store.ts";
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
import { createTestBuckets, createTestQueues, createTestTable } from "../fixtures/aws-emulator.ts";

export interface TestPlatform {
  readonly platform: Platform;
  /** What a task of it is told. */
  readonly env: Readonly<Record<string, string>>;
  /** Puts a tone up, and launches a job that cleans it: what is missing is its worker. */
  launchJob(jobId: string, seconds: number): Promise<void>;
  get(jobId: string): Promise<Job | undefined>;
  close(): Promise<void>;
}

/** A platform on the emulator whose tasks nobody starts. */
export async function openPlatform(folder: string): Promise<TestPlatform> {
  const table = await createTestTable();
  const { buckets, remove } = await createTestBuckets();
  const queues = await createTestQueues({ visibilityTimeoutSeconds: 30, maxReceiveCount: 5 });
  const { queueUrl, deadLetterQueueUrl } = queues;
  const opened = openTable(table.name);
  const platform: Platform = {
    jobs: createDynamoJobStore(opened, systemClock),
    queue: createSqsJobQueue({ queueUrl, deadLetterQueueUrl }),
    cache: createDynamoResultCache(opened, systemClock),
    objects: createS3ObjectStore(buckets),
    deadLetters: createDynamoDeadLetterStore(opened, systemClock),
    launcher: { launch: async () => ({ taskId: "task" }), stop: async () => {}, isAlive: async () => true },
    clock: systemClock,
    settings: {
      defaultOwner: "local",
      sharedCache: false,
      mixdownVersion: "0",
      ffmpegMajor: 5,
      lanes: "aws",
      outputsMs: 86_400_000,
    },
  };
  const named = /^(AWS_(ENDPOINT_URL.*|REGION|DEFAULT_REGION|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN))$/;
  const aws = Object.entries(process.env).flatMap(([name, value]) =>
    named.test(name) && value !== undefined ? [[name, value] as const] : [],
  );
  return {
    platform,
    env: {
      ...Object.fromEntries(aws),
      MIXDOWN_ENV: "test",
      MIXDOWN_TABLE: table.name,
      MIXDOWN_RAW_BUCKET: buckets.raw,
      MIXDOWN_DERIVED_BUCKET: buckets.derived,
      MIXDOWN_QUEUE_URL: queueUrl,
      MIXDOWN_DEAD_LETTER_QUEUE_URL: deadLetterQueueUrl,
    },
    async launchJob(jobId, seconds) {
      const file = join(folder, `${jobId}.wav`);
      // Of a pitch of its own: an equal file would come from the cache.
      const source = `sine=frequency=${200 + Math.random() * 300}:duration=${seconds},volume=-12dB`;
      execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", source, "-ar", "44100", file]);
      const key = `raw/local/${jobId}/tone.wav`;
      await platform.objects.putFile(key, file, "audio/wav");
      await submit(platform, { jobId, kind: "clean", inputs: [{ key }] }, { owner: "local" });
      await launch(platform, { owner: "local", jobId }, 1);
    },
    get: (jobId) => platform.jobs.get({ owner: "local", jobId }),
    async close() {
      await table.remove();
      await remove();
      await queues.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
