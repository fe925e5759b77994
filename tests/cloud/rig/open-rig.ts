import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { DescribeTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  CreateClusterCommand,
  DeleteClusterCommand,
  DeregisterTaskDefinitionCommand,
  ECSClient,
  RegisterTaskDefinitionCommand,
} from "@aws-sdk/client-ecs";
import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  DeleteRuleCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import { PutBucketNotificationConfigurationCommand } from "@aws-sdk/client-s3";
import { CreateScheduleGroupCommand, DeleteScheduleGroupCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { GetQueueAttributesCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DeleteParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import type { Buckets } from "../../../adapters/aws/buckets.ts";
import { outboxFilter } from "../../../config/table-shape.ts";
import { createTestBuckets, createTestQueues, createTestTable, randomName } from "../../fixtures/aws-emulator.ts";
import { EcsFront } from "./ecs-front.ts";
import { EcsStandIn } from "./ecs-stand-in.ts";
import { RigFunctions, type Watch } from "./rig-functions.ts";
import { StoreFront } from "./store-front.ts";

const workerEntry = fileURLToPath(new URL("../../../worker/main.ts", import.meta.url));

export interface Rig {
  readonly buckets: Buckets;
  readonly table: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  readonly cluster: string;
  readonly functions: RigFunctions;
  readonly ecs: EcsStandIn;
  readonly front: EcsFront;
  readonly store: StoreFront;
  readonly faults: readonly unknown[];
  /** What every function and task is told. */
  readonly environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

export interface RigOptions {
  /** Folder of the workers' scratch. */
  readonly scratchDir: string;
  /** Files that appear in the bucket become jobs. */
  readonly uploads?: boolean;
  /** The HTTP API, and webhooks to this machine. */
  readonly door?: boolean;
  /** Gives each function, and the worker, another environment than the rig would. */
  readonly watch?: Watch;
}

/** The way of a job on the emulator: queue, table, buckets, bus, the real bundles, and workers that really run. */
export async function openRig(options: RigOptions): Promise<Rig> {
  const undo: (() => Promise<unknown>)[] = [];
  const remove = async () => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const made = await makeRig(options, undo);
    const close = async () => {
      await made.ecs.close();
      await remove();
    };
    return { ...made, close };
  } catch (fault) {
    await remove();
    throw fault;
  }
}

async function makeRig(
  { scratchDir, uploads = false, door = false, watch = async (_, environment) => environment }: RigOptions,
  undo: (() => Promise<unknown>)[],
): Promise<Omit<Rig, "close">> {
  const keep = <T extends { remove(): Promise<unknown> }>(made: T): T => {
    undo.push(() => made.remove());
    return made;
  };
  const prefix = randomName("rig");
  const { buckets } = keep(await createTestBuckets());
  const { name: table } = keep(await createTestTable());
  const { queueUrl, deadLetterQueueUrl } = keep(
    await createTestQueues({ visibilityTimeoutSeconds: 5, maxReceiveCount: 5 }),
  );
  const bus = await createBus(prefix, undo);
  const store = new StoreFront(process.env.AWS_ENDPOINT_URL ?? "");
  const environment = {
    AWS_ENDPOINT_URL_DYNAMODB: await store.listen(),
    MIXDOWN_ENV: "test",
    MIXDOWN_TABLE: table,
    MIXDOWN_RAW_BUCKET: buckets.raw,
    MIXDOWN_DERIVED_BUCKET: buckets.derived,
    MIXDOWN_QUEUE_URL: queueUrl,
    MIXDOWN_DEAD_LETTER_QUEUE_URL: deadLetterQueueUrl,
    MIXDOWN_BUS: bus,
    MIXDOWN_SSM_PREFIX: `/${prefix}`,
    MIXDOWN_SCRATCH: scratchDir,
  };
  undo.push(() => store.close());
  const { cluster, taskDefinition } = await createCluster(prefix, await watch("worker", environment), undo);
  const front = new EcsFront(process.env.AWS_ENDPOINT_URL ?? "");
  const launch = {
    AWS_ENDPOINT_URL_ECS: await front.listen(),
    MIXDOWN_CLUSTER: cluster,
    MIXDOWN_TASK_DEFINITION: taskDefinition,
    MIXDOWN_SUBNETS: "subnet-00000000",
    MIXDOWN_ASSIGN_PUBLIC_IP: "true",
  };
  undo.push(() => front.close());
  const functions = keep(new RigFunctions(prefix, environment, watch));
  await functions.create("invoker", launch);
  await functions.map("invoker", { EventSourceArn: await arnOf(queueUrl) });
  await functions.create("dead-letters");
  await functions.map("dead-letters", { EventSourceArn: await arnOf(deadLetterQueueUrl) });
  await functions.create("reconciler", launch);
  await functions.create("events");
  await functions.map("events", {
    EventSourceArn: await streamOf(table),
    StartingPosition: "TRIM_HORIZON",
    FilterCriteria: { Filters: [{ Pattern: JSON.stringify(outboxFilter) }] },
  });
  await listen(prefix, cluster, await functions.create("task-state"), undo);
  if (door) await openDoor(prefix, functions, undo);
  if (uploads) await trigger(buckets, await functions.create("uploads"));
  const faults: unknown[] = [];
  const ecs = new EcsStandIn({
    cluster,
    command: [process.execPath, workerEntry],
    env: process.env,
    onFault: (fault) => faults.push(fault),
  });
  return { buckets, table, queueUrl, deadLetterQueueUrl, cluster, functions, ecs, front, store, faults, environment };
}

async function createBus(prefix: string, undo: (() => Promise<unknown>)[]): Promise<string> {
  const client = new EventBridgeClient({});
  await client.send(new CreateEventBusCommand({ Name: prefix }));
  undo.push(() => client.send(new DeleteEventBusCommand({ Name: prefix })));
  return prefix;
}

async function createCluster(
  prefix: string,
  environment: Readonly<Record<string, string>>,
  undo: (() => Promise<unknown>)[],
): Promise<{ cluster: string; taskDefinition: string }> {
  const client = new ECSClient({});
  await client.send(new CreateClusterCommand({ clusterName: prefix }));
  undo.push(() => client.send(new DeleteClusterCommand({ cluster: prefix })));
  const { taskDefinition } = await client.send(
    new RegisterTaskDefinitionCommand({
      family: prefix,
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "1024",
      memory: "2048",
      containerDefinitions: [
        {
          name: "worker",
          image: "mixdown-worker",
          environment: Object.entries(environment).map(([name, value]) => ({ name, value })),
        },
      ],
    }),
  );
  const arn = taskDefinition?.taskDefinitionArn ?? "";
  undo.push(() => client.send(new DeregisterTaskDefinitionCommand({ taskDefinition: arn })));
  return { cluster: prefix, taskDefinition: arn };
}

/** The rule beside the cluster: stopped tasks, to the function that settles them. */
async function listen(
  prefix: string,
  cluster: string,
  target: string,
  undo: (() => Promise<unknown>)[],
): Promise<void> {
  const client = new EventBridgeClient({});
  const Name = `${prefix}-tasks`;
  const pattern = {
    source: ["aws.ecs"],
    "detail-type": ["ECS Task State Change"],
    detail: { lastStatus: ["STOPPED"], clusterArn: [{ suffix: `cluster/${cluster}` }] },
  };
  await client.send(new PutRuleCommand({ Name, EventPattern: JSON.stringify(pattern) }));
  await client.send(new PutTargetsCommand({ Rule: Name, Targets: [{ Id: "task-state", Arn: target }] }));
  undo.push(async () => {
    await client.send(new RemoveTargetsCommand({ Rule: Name, Ids: ["task-state"] }));
    await client.send(new DeleteRuleCommand({ Name }));
  });
}

/** The API behind its parameters, and the bus's rule for webhooks. */
async function openDoor(prefix: string, functions: RigFunctions, undo: (() => Promise<unknown>)[]): Promise<void> {
  const parameters = new SSMClient({});
  const Name = `/${prefix}/cursor_key`;
  await parameters.send(new PutParameterCommand({ Name, Type: "SecureString", Value: randomUUID() }));
  undo.push(() => parameters.send(new DeleteParameterCommand({ Name })));
  const scheduler = new SchedulerClient({});
  await scheduler.send(new CreateScheduleGroupCommand({ Name: prefix }));
  undo.push(() => scheduler.send(new DeleteScheduleGroupCommand({ Name: prefix })));
  const schedules = {
    MIXDOWN_SCHEDULE_GROUP: prefix,
    MIXDOWN_SCHEDULE_TARGET: `arn:aws:lambda:us-east-1:000000000000:function:${functions.nameOf("webhooks")}`,
    MIXDOWN_SCHEDULE_ROLE: "arn:aws:iam::000000000000:role/rig",
  };
  await functions.create("api", schedules);
  await functions.create("authorizer");
  const target = await functions.create("webhooks", { ...schedules, MIXDOWN_PRIVATE_WEBHOOKS: "true" });
  const client = new EventBridgeClient({});
  const rule = { Name: `${prefix}-webhooks`, EventBusName: prefix };
  await client.send(
    new PutRuleCommand({ ...rule, EventPattern: JSON.stringify({ "detail-type": [{ prefix: "job." }] }) }),
  );
  const { Name: Rule, EventBusName } = rule;
  await client.send(new PutTargetsCommand({ Rule, EventBusName, Targets: [{ Id: "webhooks", Arn: target }] }));
  undo.push(async () => {
    await client.send(new RemoveTargetsCommand({ Rule, EventBusName, Ids: ["webhooks"] }));
    await client.send(new DeleteRuleCommand(rule));
  });
}

async function trigger(buckets: Buckets, target: string): Promise<void> {
  await buckets.client().send(
    new PutBucketNotificationConfigurationCommand({
      Bucket: buckets.raw,
      NotificationConfiguration: {
        LambdaFunctionConfigurations: [{ LambdaFunctionArn: target, Events: ["s3:ObjectCreated:*"] }],
      },
    }),
  );
}

async function arnOf(QueueUrl: string): Promise<string> {
  const { Attributes } = await new SQSClient({}).send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] }),
  );
  return Attributes?.QueueArn ?? "";
}

async function streamOf(TableName: string): Promise<string> {
  const { Table } = await new DynamoDBClient({}).send(new DescribeTableCommand({ TableName }));
  return Table?.LatestStreamArn ?? "";
}
