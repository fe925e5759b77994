import {
  ConflictException,
  DescribeTasksCommand,
  ECSClient,
  type Failure,
  RunTaskCommand,
  type RunTaskCommandInput,
  StopTaskCommand,
  type Task,
} from "@aws-sdk/client-ecs";
import { sha256Hex } from "../../core/canonical-json.ts";
import { MixdownError } from "../../core/errors.ts";
import { formatJobRef, type JobRef } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import type { Permission } from "../../core/permission.ts";
import type { LaunchRequest, TaskLauncher } from "../../core/ports.ts";

export const ecsTaskLauncherPermissions: readonly Permission[] = [
  { action: "ecs:RunTask", resource: "task-definitions" },
  { action: "ecs:DescribeTasks", resource: "tasks" },
  { action: "ecs:StopTask", resource: "tasks" },
  // Tags that a launch passes on to its task count as tagging.
  { action: "ecs:TagResource", resource: "tasks" },
  { action: "iam:PassRole", resource: "task-roles" },
];

export interface EcsLauncherSettings {
  readonly cluster: string;
  readonly taskDefinition: string;
  /** `null`: no GPU lane here. */
  readonly gpu: { readonly taskDefinition: string; readonly capacityProvider: string } | null;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  /** For tasks in public subnets without NAT. */
  readonly assignPublicIp: boolean;
}

/** The container of the task definition that is ours. */
const container = "worker";

/** Workers as tasks on Fargate, Spot or not, and on GPU instances. A task's id is its ARN. */
export function createEcsTaskLauncher(settings: EcsLauncherSettings, defaultOwner: string): TaskLauncher {
  const { cluster } = settings;
  let made: ECSClient | undefined;
  const client = (): ECSClient => {
    made ??= new ECSClient({});
    return made;
  };

  const describe = async (arns: readonly string[]): Promise<readonly Task[]> =>
    (await client().send(new DescribeTasksCommand({ cluster, tasks: [...arns] }))).tasks ?? [];

  /** The token was used with other parameters. What it launched is ours if it was launched for this job. */
  async function adopt(conflict: ConflictException, startedBy: string): Promise<string> {
    const tasks = await describe(conflict.resourceIds ?? []);
    const [task] = tasks;
    if (task?.taskArn !== undefined && tasks.every((one) => one.startedBy === startedBy)) return task.taskArn;
    const whose = tasks.map((one) => one.startedBy ?? "nobody").join(", ") || "nobody that can be found";
    throw new MixdownError("platform_launch_failed", {
      message: `The launch's token belongs to tasks started by ${whose}, not by ${startedBy}; retry the job to get a new one.`,
      cause: conflict,
    });
  }

  return {
    async launch(request) {
      const input = buildRunTask(settings, request, defaultOwner);
      try {
        const { tasks, failures } = await client().send(new RunTaskCommand(input));
        const arn = tasks?.[0]?.taskArn;
        // The answer is 200 also when nothing was started.
        if (arn === undefined) throw refusal(failures ?? []);
        return { taskId: arn };
      } catch (error) {
        if (error instanceof ConflictException) return { taskId: await adopt(error, input.startedBy ?? "") };
        throw translate(error);
      }
    },

    async stop(taskId) {
      try {
        await client().send(new StopTaskCommand({ cluster, task: taskId, reason: "mixdown ended this attempt" }));
      } catch (error) {
        // Stopped tasks are forgotten after an hour.
        const gone = error instanceof Error && /not found/i.test(error.message) && !/cluster/i.test(error.name);
        if (!gone) throw error;
      }
    },

    async isAlive(taskId) {
      const [task] = await describe([taskId]);
      return task !== undefined && task.lastStatus !== "STOPPED";
    },
  };
}

/** At most 128 letters, digits, hyphens, slashes and underscores: a reference may have more, and dots. */
export const startedByOf = (ref: JobRef, defaultOwner: string): string =>
  `mixdown-${sha256Hex(formatJobRef(ref, defaultOwner)).slice(0, 40)}`;

/** The same request for the same launch, to the byte: else its token conflicts. @throws MixdownError `capacity_unavailable` */
export function buildRunTask(
  settings: EcsLauncherSettings,
  { ref, attempt, lane, size, clientToken }: LaunchRequest,
  defaultOwner: string,
): RunTaskCommandInput {
  const { cluster, gpu, subnets, securityGroups } = settings;
  const onGpu = lane === "gpu";
  if (onGpu && gpu === null) {
    throw new MixdownError("capacity_unavailable", { message: "This installation has no GPU lane." });
  }
  const { cpu, memoryMib, scratchGib } = limits.taskSizes[size];
  return {
    cluster,
    taskDefinition: onGpu && gpu !== null ? gpu.taskDefinition : settings.taskDefinition,
    clientToken,
    count: 1,
    startedBy: startedByOf(ref, defaultOwner),
    propagateTags: "TASK_DEFINITION",
    // A strategy cannot mix Fargate and Auto Scaling groups, nor stand beside a launch type.
    capacityProviderStrategy: [{ capacityProvider: capacityProviderOf(settings, lane), weight: 1 }],
    networkConfiguration: {
      awsvpcConfiguration: {
        subnets: [...subnets],
        securityGroups: [...securityGroups],
        // Tasks on instances cannot have one.
        assignPublicIp: settings.assignPublicIp && !onGpu ? "ENABLED" : "DISABLED",
      },
    },
    overrides: {
      cpu: String(cpu),
      memory: String(memoryMib),
      // On an instance the scratch is the instance's disk.
      ...(onGpu ? {} : { ephemeralStorage: { sizeInGiB: scratchGib } }),
      containerOverrides: [
        {
          name: container,
          environment: [
            { name: "MIXDOWN_JOB_ID", value: formatJobRef(ref, defaultOwner) },
            { name: "MIXDOWN_ATTEMPT", value: String(attempt) },
          ],
        },
      ],
    },
  };
}

function capacityProviderOf({ gpu }: EcsLauncherSettings, lane: LaunchRequest["lane"]): string {
  if (lane === "gpu" && gpu !== null) return gpu.capacityProvider;
  return lane === "fargate-spot" ? "FARGATE_SPOT" : "FARGATE";
}

/**
 * Reasons that pass by themselves: instances without room, agents that are away, Fargate without capacity
 * (docs.aws.amazon.com/AmazonECS/latest/developerguide/api_failures_messages.html).
 */
const isCapacity = (reason: string): boolean =>
  /^RESOURCE:|^AGENT$|capacity|limit on the number of|try again later/i.test(reason);

function refusal(failures: readonly Failure[]): MixdownError {
  const reasons = failures.map(({ reason = "no reason", detail, arn }) =>
    [reason, detail, arn].filter((part) => part !== undefined).join(" "),
  );
  const passing =
    failures.length > 0 && failures.every(({ reason = "", detail = "" }) => isCapacity(reason) || isCapacity(detail));
  const what = reasons.join("; ") || "neither a task nor a failure in the answer";
  return passing
    ? new MixdownError("capacity_unavailable", { message: `No capacity for the task: ${what}.` })
    : new MixdownError("platform_launch_failed", { message: `ECS started no task: ${what}; correct what it names.` });
}

/** What ECS says no to for good. Faults of its own are thrown as they came: the same token may ask again. */
const configurationFaults =
  /^(AccessDenied|UnrecognizedClient|InvalidParameter|ClusterNotFound|Client|UnsupportedFeature|PlatformUnknown|PlatformTaskDefinitionIncompatibility|Blocked|ResourceNotFound|Validation)/;

function translate(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof MixdownError) return error;
  const said = `${error.name}: ${error.message}`;
  if (/throttl|rate exceeded|TooManyRequests|RequestLimitExceeded/i.test(said)) {
    return new MixdownError("capacity_throttled", { message: `ECS asks to slow down: ${said}.`, cause: error });
  }
  if (error.name === "LimitExceededException" || isCapacity(error.message)) {
    return new MixdownError("capacity_unavailable", { message: `No capacity for the task: ${said}.`, cause: error });
  }
  if (!configurationFaults.test(error.name)) return error;
  return new MixdownError("platform_launch_failed", {
    message: `ECS refused the launch: ${said}; correct what it names.`,
    cause: error,
  });
}
