import { openBuckets } from "../../adapters/aws/buckets.ts";
import { createSqsJobQueue } from "../../adapters/aws/job-queue.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { createS3ObjectStore } from "../../adapters/aws/objects/object-store.ts";
import { createOutboxPublisher } from "../../adapters/aws/outbox.ts";
import { createDynamoResultCache } from "../../adapters/aws/result-cache.ts";
import { openTable } from "../../adapters/aws/table.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import type { AwsConfig } from "../../config/aws.ts";
import type { WorkPlatform } from "../../core/run.ts";
import { mixdownVersion } from "../../core/version.ts";

/** The worker's ports on AWS. In a folder of its own, so that nothing of it is loaded on a laptop. */
export function openAwsWorkPlatform(config: AwsConfig): WorkPlatform {
  const table = openTable(config.table);
  const { rawBucket: raw, derivedBucket: derived, forcePathStyle, queueUrl, deadLetterQueueUrl } = config;
  return {
    jobs: createDynamoJobStore(table, systemClock),
    queue: createSqsJobQueue({ queueUrl, deadLetterQueueUrl }),
    cache: createDynamoResultCache(table, systemClock),
    objects: createS3ObjectStore(openBuckets({ raw, derived, forcePathStyle })),
    clock: systemClock,
    progress: config.progressEvents ? createOutboxPublisher(table) : undefined,
    settings: {
      defaultOwner: config.defaultOwner,
      sharedCache: config.sharedCache,
      mixdownVersion,
      // What whoever launched this worker was told too: else their cache keys differ, and every job seems changed.
      ffmpegMajor: config.ffmpegMajor,
      lanes: "aws",
      outputsMs: config.outputsMs,
    },
  };
}
