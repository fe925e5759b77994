import type { CloudwatchLogGroup } from "@cdktn/provider-aws/lib/cloudwatch-log-group/index.js";
import { EcsCluster } from "@cdktn/provider-aws/lib/ecs-cluster/index.js";
import { EcsClusterCapacityProviders } from "@cdktn/provider-aws/lib/ecs-cluster-capacity-providers/index.js";
import type { EcsTaskDefinition } from "@cdktn/provider-aws/lib/ecs-task-definition/index.js";
import type { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import type { LambdaFunction } from "@cdktn/provider-aws/lib/lambda-function/index.js";
import { TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import { permissionsOf } from "../config/permissions.ts";
import { computeNames } from "./constructs/compute-names.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { createEventRoute } from "./constructs/event-route.ts";
import { createGpuGroup } from "./constructs/gpu-group.ts";
import { type Bindings, buildGrants } from "./constructs/grants.ts";
import { createLogGroup } from "./constructs/log-group.ts";
import { buildPlatformEnvironment } from "./constructs/platform-environment.ts";
import { buildPolicy } from "./constructs/policy-document.ts";
import { createWorkerFunction } from "./constructs/worker-function.ts";
import { createWorkerImage } from "./constructs/worker-image.ts";
import { createExecutionRole, createRole } from "./constructs/worker-roles.ts";
import { createWorkerTask } from "./constructs/worker-task.ts";
import type { JobsStack } from "./jobs.ts";
import type { NetworkStack } from "./network.ts";
import type { RegistryStack } from "./registry.ts";
import type { StorageStack } from "./storage.ts";

export interface ComputeStackProps {
  readonly environment: Environment;
  readonly network: NetworkStack;
  readonly storage: StorageStack;
  readonly registry: RegistryStack;
  readonly jobs: JobsStack;
}

/** Where workers run, and who may start them there. */
export class ComputeStack extends EnvironmentStack {
  readonly cluster: EcsCluster;
  readonly task: EcsTaskDefinition;
  readonly gpuTask: EcsTaskDefinition | undefined;
  readonly workerFunction: LambdaFunction | undefined;
  readonly #props: ComputeStackProps;

  constructor(scope: Construct, props: ComputeStackProps) {
    super(scope, "compute", props.environment);
    this.#props = props;
    const { environment, storage, registry, jobs } = props;
    const names = computeNames(this);
    this.cluster = new EcsCluster(this, "cluster", {
      name: names.cluster,
      setting: [{ name: "containerInsights", value: environment.alarms ? "enabled" : "disabled" }],
    });
    const taskEnvironment = buildPlatformEnvironment(this, storage, jobs);
    const workerStatements = buildGrants(permissionsOf("worker"), jobs.bindings, storage.key);
    const taskRole = createRole(this, {
      what: "task",
      description: "the worker in its container",
      service: "ecs-tasks.amazonaws.com",
      statements: workerStatements,
    }).role;
    const logGroup = createLogGroup(this, "worker-logs", `/mixdown/${environment.name}/worker`);
    const gpuLogGroup = environment.gpu
      ? createLogGroup(this, "worker-gpu-logs", `/mixdown/${environment.name}/worker-gpu`)
      : undefined;
    const executionRole = createExecutionRole(
      this,
      [registry.worker, ...(registry.workerGpu === undefined ? [] : [registry.workerGpu])],
      [logGroup, ...(gpuLogGroup === undefined ? [] : [gpuLogGroup])],
    );
    const common = { taskRole, executionRole, environment: taskEnvironment };
    this.task = createWorkerTask(this, "task-definition", {
      ...common,
      family: names.taskDefinition,
      lane: "fargate",
      logGroup,
      image: createWorkerImage(this, registry.worker, environment.workerDigest, "MIXDOWN_WORKER_DIGEST"),
    });
    this.gpuTask = this.#createGpuTask(common, gpuLogGroup);
    this.workerFunction = this.#createWorkerFunction(taskEnvironment, workerStatements);
    this.#letLaunch(taskRole, executionRole);
    this.#hearOfTasks();
    new TerraformOutput(this, "cluster_name", { value: this.cluster.name, staticId: true });
    new TerraformOutput(this, "task_role_name", { value: taskRole.name, staticId: true });
  }

  #createGpuTask(
    common: { taskRole: IamRole; executionRole: IamRole; environment: Readonly<Record<string, string>> },
    logGroup: CloudwatchLogGroup | undefined,
  ): EcsTaskDefinition | undefined {
    const { environment, network, registry } = this.#props;
    const providers = ["FARGATE", "FARGATE_SPOT"];
    const gpu = environment.gpu ? createGpuGroup(this, network, this.cluster.arn) : undefined;
    new EcsClusterCapacityProviders(this, "capacity", {
      clusterName: this.cluster.name,
      capacityProviders: gpu === undefined ? providers : [...providers, gpu.name],
    });
    if (registry.workerGpu === undefined || logGroup === undefined) return undefined;
    return createWorkerTask(this, "gpu-task-definition", {
      ...common,
      family: computeNames(this).gpuTaskDefinition,
      lane: "gpu",
      logGroup,
      image: createWorkerImage(this, registry.workerGpu, environment.workerGpuDigest, "MIXDOWN_WORKER_GPU_DIGEST"),
    });
  }

  #createWorkerFunction(
    taskEnvironment: Readonly<Record<string, string>>,
    statements: ReturnType<typeof buildGrants>,
  ): LambdaFunction | undefined {
    const { environment, registry, jobs } = this.#props;
    const settler = jobs.functions.get("task-state");
    if (registry.workerLambda === undefined || settler === undefined) return undefined;
    return createWorkerFunction(this, {
      image: createWorkerImage(
        this,
        registry.workerLambda,
        environment.workerLambdaDigest,
        "MIXDOWN_WORKER_LAMBDA_DIGEST",
      ),
      environment: taskEnvironment,
      statements,
      key: this.#props.storage.key,
      onFailure: settler.function,
    });
  }

  /** Functions that launch were made before what they launch: their roles get the rest of their table here. */
  #letLaunch(taskRole: IamRole, executionRole: IamRole): void {
    const tasks = [this.task, ...(this.gpuTask === undefined ? [] : [this.gpuTask])];
    const bindings: Bindings = {
      cluster: [this.cluster.arn],
      tasks: [this.arnOf("ecs", `task/${this.cluster.name}/*`)],
      // Every revision: a launch may begin while another is deployed.
      "task-definitions": tasks.map((task) => `${task.arnWithoutRevision}:*`),
      "task-roles": [taskRole.arn, executionRole.arn],
      ...(this.workerFunction === undefined ? {} : { "worker-function": [this.workerFunction.arn] }),
    };
    for (const [name, { role }] of this.#props.jobs.functions) {
      const statements = buildGrants(permissionsOf(name), bindings, undefined);
      if (statements.length === 0) continue;
      new IamRolePolicy(this, `${name}-launch`, { name: "launch", role: role.name, policy: buildPolicy(statements) });
    }
  }

  /** ECS tells of its tasks on the account's default bus; of ours, only those that stopped. */
  #hearOfTasks(): void {
    const { jobs } = this.#props;
    const settler = jobs.functions.get("task-state");
    if (settler === undefined) return;
    createEventRoute(this, {
      id: "task-state",
      description: "Workers that stopped",
      when: {
        pattern: {
          source: ["aws.ecs"],
          "detail-type": ["ECS Task State Change"],
          detail: { clusterArn: [this.cluster.arn], lastStatus: ["STOPPED"] },
        },
      },
      target: settler.function,
      undelivered: jobs.undelivered,
    });
  }
}
