import type { CloudwatchEventBus } from "@cdktn/provider-aws/lib/cloudwatch-event-bus/index.js";
import type { NetworkStack } from "../network.ts";
import type { StorageStack } from "../storage.ts";
import { computeNames } from "./compute-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";
import type { FifoQueue } from "./fifo-queue.ts";

/** Outputs that are kept have no end that a job could name; ten years stand for it. */
const keptDays = 3_650;

/** What every part of the platform is told, whatever runs it. Never a secret: these stand in the open. */
export function buildPlatformEnvironment(
  stack: EnvironmentStack,
  storage: StorageStack,
  jobs: { readonly queue: FifoQueue; readonly bus: CloudwatchEventBus },
): Readonly<Record<string, string>> {
  const { name, defaultOwner, sharedCache, outputDays, progressEvents, lambdaLane, ffmpegMajor } = stack.environment;
  return {
    MIXDOWN_ENV: name,
    MIXDOWN_TABLE: storage.table.name,
    MIXDOWN_RAW_BUCKET: storage.raw.bucket,
    MIXDOWN_DERIVED_BUCKET: storage.derived.bucket,
    MIXDOWN_QUEUE_URL: jobs.queue.queue.url,
    MIXDOWN_DEAD_LETTER_QUEUE_URL: jobs.queue.deadLetters.url,
    MIXDOWN_BUS: jobs.bus.name,
    MIXDOWN_SSM_PREFIX: storage.parameterPath,
    MIXDOWN_DEFAULT_OWNER: defaultOwner,
    MIXDOWN_SHARED_CACHE: String(sharedCache),
    MIXDOWN_OUTPUT_DAYS: String(outputDays === 0 ? keptDays : outputDays),
    MIXDOWN_PROGRESS_EVENTS: String(progressEvents),
    MIXDOWN_LAMBDA_LANE: String(lambdaLane),
    // The same to all: functions and workers whose cache keys differ would process everything anew.
    MIXDOWN_FFMPEG_MAJOR: String(ffmpegMajor),
  };
}

/** What whoever launches workers is told besides: where they run. */
export function buildLaunchEnvironment(
  stack: EnvironmentStack,
  network: NetworkStack,
): Readonly<Record<string, string>> {
  const { gpu, lambdaLane } = stack.environment;
  const names = computeNames(stack);
  return {
    MIXDOWN_CLUSTER: names.cluster,
    MIXDOWN_TASK_DEFINITION: names.taskDefinition,
    ...(gpu
      ? {
          MIXDOWN_TASK_DEFINITION_GPU: names.gpuTaskDefinition,
          MIXDOWN_GPU_CAPACITY_PROVIDER: names.gpuCapacityProvider,
        }
      : {}),
    MIXDOWN_SUBNETS: network.taskSubnets.map((subnet) => subnet.id).join(","),
    MIXDOWN_SECURITY_GROUPS: network.taskGroup.id,
    MIXDOWN_ASSIGN_PUBLIC_IP: String(network.tasksNeedAddress),
    ...(lambdaLane ? { MIXDOWN_WORKER_FUNCTION: names.workerFunction } : {}),
  };
}
