import { openBuckets } from "../adapters/aws/buckets.ts";
import { createDynamoDeadLetterStore } from "../adapters/aws/dead-letter-store.ts";
import { createEcsTaskLauncher } from "../adapters/aws/ecs-task-launcher.ts";
import { createSqsJobQueue } from "../adapters/aws/job-queue.ts";
import { createDynamoJobStore } from "../adapters/aws/jobs/job-store.ts";
import { createLambdaTaskLauncher } from "../adapters/aws/lambda-task-launcher.ts";
import { createS3ObjectStore } from "../adapters/aws/objects/object-store.ts";
import { createDynamoResultCache } from "../adapters/aws/result-cache.ts";
import { openTable, type Table } from "../adapters/aws/table.ts";
import { systemClock } from "../adapters/embedded/clock.ts";
import { type AwsConfig, readLaunchConfig } from "../config/aws.ts";
import type { PlatformSettings } from "../core/platform.ts";
import type { DeadLetterStore, TaskLauncher } from "../core/ports.ts";
import type { WorkPlatform } from "../core/run.ts";
import { mixdownVersion } from "../core/version.ts";
import { createLaneLauncher } from "./lane-launcher.ts";

// What several functions are made of. Each takes only what it calls: its role's permissions follow from it.

export const openOwnTable = (config: AwsConfig): Table => openTable(config.table);

export const openOwnBuckets = (config: AwsConfig) =>
  openBuckets({ raw: config.rawBucket, derived: config.derivedBucket, forcePathStyle: config.forcePathStyle });

export const readSettings = (config: AwsConfig): PlatformSettings => ({
  defaultOwner: config.defaultOwner,
  sharedCache: config.sharedCache,
  mixdownVersion,
  ffmpegMajor: config.ffmpegMajor,
  lanes: "aws",
  lambdaLane: config.lambdaLane,
  outputsMs: config.outputsMs,
});

/** Everything but launching and dead letters. */
export function openWorkPlatform(config: AwsConfig): WorkPlatform {
  const table = openOwnTable(config);
  const { queueUrl, deadLetterQueueUrl } = config;
  return {
    jobs: createDynamoJobStore(table, systemClock),
    queue: createSqsJobQueue({ queueUrl, deadLetterQueueUrl }),
    cache: createDynamoResultCache(table, systemClock),
    objects: createS3ObjectStore(openOwnBuckets(config)),
    clock: systemClock,
    settings: readSettings(config),
  };
}

export const openDeadLetters = (config: AwsConfig): DeadLetterStore =>
  createDynamoDeadLetterStore(openOwnTable(config), systemClock);

export function openLauncher(config: AwsConfig): TaskLauncher {
  const launch = readLaunchConfig();
  const { workerFunction } = launch;
  const calls = workerFunction === null ? null : createLambdaTaskLauncher(workerFunction, config.defaultOwner);
  return createLaneLauncher(createEcsTaskLauncher(launch, config.defaultOwner), calls);
}
