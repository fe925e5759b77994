import type { CloudwatchLogGroup } from "@cdktn/provider-aws/lib/cloudwatch-log-group/index.js";
import { EcsTaskDefinition } from "@cdktn/provider-aws/lib/ecs-task-definition/index.js";
import type { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import type { WorkerImage } from "./worker-image.ts";

/** Where the image declares its volume, owned by the user below; everything else of the file system is read-only. */
export const scratchDir = "/scratch";
const user = "1000:1000";
/** Size S; the launcher overrides both, and the ephemeral storage, by the job's size. */
const smallest = { cpu: "1024", memory: "2048" };
/** The longest that Fargate waits: ffmpeg ends, the attempt is handed back. */
const stopTimeoutSeconds = 120;
const volume = "scratch";

export interface WorkerTaskProps {
  readonly family: string;
  readonly image: WorkerImage;
  readonly lane: "fargate" | "gpu";
  readonly taskRole: IamRole;
  readonly executionRole: IamRole;
  readonly logGroup: CloudwatchLogGroup;
  readonly environment: Readonly<Record<string, string>>;
}

/** One worker: one container, one job, and then gone. Its tags go to its tasks (`propagateTags` of each launch). */
export function createWorkerTask(stack: EnvironmentStack, id: string, props: WorkerTaskProps): EcsTaskDefinition {
  const { workerArchitecture, region } = stack.environment;
  const onGpu = props.lane === "gpu";
  const container = {
    name: "worker",
    image: props.image.uri,
    essential: true,
    user,
    readonlyRootFilesystem: true,
    stopTimeout: stopTimeoutSeconds,
    linuxParameters: { initProcessEnabled: true, capabilities: { drop: ["ALL"] } },
    mountPoints: [{ sourceVolume: volume, containerPath: scratchDir, readOnly: false }],
    environment: Object.entries({ ...props.environment, MIXDOWN_SCRATCH: scratchDir, TMPDIR: scratchDir })
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => ({ name, value })),
    // Defaults written out, as AWS gives them back: else each plan would find them missing.
    portMappings: [],
    systemControls: [],
    volumesFrom: [],
    ...(onGpu ? { resourceRequirements: [{ type: "GPU", value: "1" }] } : {}),
    logConfiguration: {
      logDriver: "awslogs",
      options: {
        "awslogs-group": props.logGroup.name,
        "awslogs-region": region,
        "awslogs-stream-prefix": props.lane,
        // A slow log must not hold up a job.
        mode: "non-blocking",
        "max-buffer-size": "4m",
      },
    },
  };
  return new EcsTaskDefinition(stack, id, {
    family: props.family,
    requiresCompatibilities: [onGpu ? "EC2" : "FARGATE"],
    networkMode: "awsvpc",
    cpu: smallest.cpu,
    memory: smallest.memory,
    // GPU instances are x86_64 whatever the other lanes run on.
    runtimePlatform: {
      operatingSystemFamily: "LINUX",
      cpuArchitecture: onGpu || workerArchitecture === "x86_64" ? "X86_64" : "ARM64",
    },
    taskRoleArn: props.taskRole.arn,
    executionRoleArn: props.executionRole.arn,
    volume: [{ name: volume }],
    containerDefinitions: JSON.stringify([container]),
    tags: { Name: props.family },
    // A running launch may still name the revision before.
    skipDestroy: false,
    lifecycle: { createBeforeDestroy: true, ...props.image.lifecycle },
  });
}
