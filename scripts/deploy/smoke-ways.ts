import { randomUUID } from "node:crypto";
import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { openTable } from "../../adapters/aws/table.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { createClient } from "../../client/index.ts";
import type { Environment } from "../../config/environments.ts";
import type { Job } from "../../core/job.ts";

/** As much of a job as is looked at. */
export type SmokeJob = Pick<Job, "jobId" | "status" | "phase" | "waitsFor" | "error" | "report" | "cached"> & {
  readonly outputs: readonly Pick<Job["outputs"][number], "name" | "sha256">[];
};

/** One of the ways of a file through the platform. */
export interface SmokeWay {
  readonly what: string;
  /** @returns the job's id */
  submit(path: string): Promise<string>;
  /** Undefined while nobody knows it. */
  get(jobId: string): Promise<SmokeJob | undefined>;
  download(jobId: string): Promise<Buffer>;
}

const contentType = "audio/mp4";

/** As a front end does it: upload URL, job and download over the HTTP API. */
export function openApiWay(baseUrl: string, key: string): SmokeWay {
  const client = createClient({ baseUrl, key });
  return {
    what: `over ${baseUrl}, with the key of MIXDOWN_KEY`,
    async submit(path) {
      const upload = await client.upload(await openAsBlob(path), { filename: basename(path), contentType });
      // Equal jobs are processed once: a loudness that no earlier one had makes this one be processed.
      const loudnessLufs = -16 + Math.round(Math.random() * 1e6) / 1e7;
      const { jobId } = await client.submit({ kind: "clean", inputs: [{ key: upload.key }], params: { loudnessLufs } });
      return jobId;
    },
    get: (jobId) => client.get(jobId) as Promise<SmokeJob>,
    async download(jobId) {
      const { outputs } = await client.get(jobId);
      const answer = await client.download(jobId, outputs[0]?.name ?? "");
      return Buffer.from(await answer.arrayBuffer());
    },
  };
}

/** As an older front end does it, with the deployer's own rights: bucket, queue, table, bucket. */
export function openQueueWay(outputs: Readonly<Record<string, string>>, environment: Environment): SmokeWay {
  const { region, defaultOwner } = environment;
  const s3 = new S3Client({ region });
  const sqs = new SQSClient({ region });
  const jobs = createDynamoJobStore(openTable(outputs.table_name ?? ""), systemClock);
  return {
    what: "through bucket and queue (MIXDOWN_KEY is not set, so the API was not tried)",
    async submit(path) {
      const jobId = `smoke-${randomUUID()}`;
      // A key of its own: equal content under an equal key would come from the cache.
      const key = `incoming/${jobId}/${basename(path)}`;
      const Body = await readFile(path);
      await s3.send(
        new PutObjectCommand({ Bucket: outputs.raw_bucket_name, Key: key, Body, ContentType: contentType }),
      );
      const MessageBody = JSON.stringify({ job_id: jobId, s3_key: key });
      const ids = { MessageGroupId: jobId, MessageDeduplicationId: jobId };
      await sqs.send(new SendMessageCommand({ QueueUrl: outputs.queue_url, MessageBody, ...ids }));
      return jobId;
    },
    get: (jobId) => jobs.get({ owner: defaultOwner, jobId }),
    async download(jobId) {
      const job = await jobs.get({ owner: defaultOwner, jobId });
      const place = { Bucket: outputs.derived_bucket_name, Key: job?.outputs[0]?.key };
      const { Body } = await s3.send(new GetObjectCommand(place));
      return Buffer.from((await Body?.transformToByteArray()) ?? []);
    },
  };
}
