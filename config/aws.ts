import { z } from "zod";
import { ownerSchema } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { parseEnv } from "./parse-env.ts";

const list = z.string().transform((text) =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ""),
);
const flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");
const queueUrl = z.url({ protocol: /^https?$/ }).endsWith(".fifo", "must be the URL of a FIFO queue, ending in .fifo");
const arn = z.string().regex(/^arn:/, "must be an ARN");

const schema = z.object({
  MIXDOWN_ENV: z.string().regex(/^[a-z][a-z0-9-]{0,15}$/, "must be 1 to 16 lower-case letters, digits or '-'"),
  MIXDOWN_TABLE: z.string().min(3).describe("Name of the job table."),
  MIXDOWN_RAW_BUCKET: z.string().min(3).describe("Bucket of uploads."),
  MIXDOWN_DERIVED_BUCKET: z.string().min(3).describe("Bucket of results."),
  MIXDOWN_QUEUE_URL: queueUrl.describe("FIFO queue of wake-up calls."),
  MIXDOWN_DEAD_LETTER_QUEUE_URL: queueUrl.optional().describe("Its FIFO queue of dead letters."),
  MIXDOWN_DEFAULT_OWNER: ownerSchema.default("local").describe("Owner of jobs that come without a credential."),
  MIXDOWN_SHARED_CACHE: flag.default(false).describe("Owners share results of equal content."),
  MIXDOWN_OUTPUT_DAYS: z.coerce
    .number()
    .int()
    .min(0)
    .max(3_650)
    .default(limits.outputsMs / 86_400_000)
    .describe("Days that outputs are kept; 0 keeps them."),
  MIXDOWN_PROGRESS_EVENTS: flag.default(false).describe("Progress goes over the bus too."),
  MIXDOWN_LAMBDA_LANE: flag.default(false).describe("Short jobs run as functions."),
  MIXDOWN_FFMPEG_MAJOR: z.coerce
    .number()
    .int()
    .min(1)
    .default(5)
    .describe("Major version of the ffmpeg in the worker's image; the worker itself looks."),
  MIXDOWN_SCRATCH: z.string().min(1).default("/scratch").describe("Folder of the worker's scratch volume."),
  AWS_ENDPOINT_URL: z.url().optional(),
  AWS_ENDPOINT_URL_S3: z.url().optional(),
});

/** What every part of the platform on AWS is told. */
export interface AwsConfig {
  readonly env: string;
  readonly table: string;
  readonly rawBucket: string;
  readonly derivedBucket: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string | undefined;
  readonly defaultOwner: string;
  readonly sharedCache: boolean;
  readonly outputsMs: number;
  readonly progressEvents: boolean;
  /** Whether what is accepted may go to the Lambda lane. */
  readonly lambdaLane: boolean;
  readonly ffmpegMajor: number;
  readonly scratchDir: string;
  /** Emulators answer on one host name; the SDK has no variable for this, so that it follows from the endpoint's. */
  readonly forcePathStyle: boolean;
}

/** As long as the outputs of an environment that keeps them are promised: a century, so that every time is a time. */
const foreverDays = 36_525;

/** Whether this process belongs to a platform on AWS. */
export const isOnAws = (env: NodeJS.ProcessEnv = process.env): boolean => (env.MIXDOWN_TABLE ?? "") !== "";

/** Reads `MIXDOWN_*`. @throws MixdownError `usage_invalid` naming variable, value and what is allowed */
export function readAwsConfig(env: NodeJS.ProcessEnv = process.env): AwsConfig {
  const values = parseEnv(schema, env);
  return {
    env: values.MIXDOWN_ENV,
    table: values.MIXDOWN_TABLE,
    rawBucket: values.MIXDOWN_RAW_BUCKET,
    derivedBucket: values.MIXDOWN_DERIVED_BUCKET,
    queueUrl: values.MIXDOWN_QUEUE_URL,
    deadLetterQueueUrl: values.MIXDOWN_DEAD_LETTER_QUEUE_URL,
    defaultOwner: values.MIXDOWN_DEFAULT_OWNER,
    sharedCache: values.MIXDOWN_SHARED_CACHE,
    outputsMs: (values.MIXDOWN_OUTPUT_DAYS || foreverDays) * 86_400_000,
    progressEvents: values.MIXDOWN_PROGRESS_EVENTS,
    lambdaLane: values.MIXDOWN_LAMBDA_LANE,
    ffmpegMajor: values.MIXDOWN_FFMPEG_MAJOR,
    scratchDir: values.MIXDOWN_SCRATCH,
    forcePathStyle: (values.AWS_ENDPOINT_URL_S3 ?? values.AWS_ENDPOINT_URL) !== undefined,
  };
}

const launchSchema = z.object({
  MIXDOWN_CLUSTER: z.string().min(1).describe("Name or ARN of the ECS cluster."),
  MIXDOWN_TASK_DEFINITION: z.string().min(1).describe("Task definition of the worker on Fargate."),
  MIXDOWN_TASK_DEFINITION_GPU: z.string().min(1).optional(),
  MIXDOWN_GPU_CAPACITY_PROVIDER: z.string().min(1).optional(),
  MIXDOWN_SUBNETS: list.refine((entries) => entries.length > 0, "must name at least one subnet"),
  MIXDOWN_SECURITY_GROUPS: list.default([]),
  MIXDOWN_ASSIGN_PUBLIC_IP: flag.default(false).describe("Tasks get a public address: where there is no NAT."),
  MIXDOWN_WORKER_FUNCTION: z.string().min(1).optional().describe("Name or ARN of the worker as a function."),
});

/** Where workers are started. */
export interface LaunchConfig {
  readonly cluster: string;
  readonly taskDefinition: string;
  /** `null`: this installation has no GPU lane. */
  readonly gpu: { readonly taskDefinition: string; readonly capacityProvider: string } | null;
  readonly subnets: readonly string[];
  readonly securityGroups: readonly string[];
  readonly assignPublicIp: boolean;
  /** `null`: this installation has no Lambda lane. */
  readonly workerFunction: string | null;
}

/** For whoever launches. @throws MixdownError `usage_invalid` */
export function readLaunchConfig(env: NodeJS.ProcessEnv = process.env): LaunchConfig {
  const values = parseEnv(launchSchema, env);
  const { MIXDOWN_TASK_DEFINITION_GPU: taskDefinition, MIXDOWN_GPU_CAPACITY_PROVIDER: capacityProvider } = values;
  return {
    cluster: values.MIXDOWN_CLUSTER,
    taskDefinition: values.MIXDOWN_TASK_DEFINITION,
    gpu: taskDefinition === undefined || capacityProvider === undefined ? null : { taskDefinition, capacityProvider },
    subnets: values.MIXDOWN_SUBNETS,
    securityGroups: values.MIXDOWN_SECURITY_GROUPS,
    assignPublicIp: values.MIXDOWN_ASSIGN_PUBLIC_IP,
    workerFunction: values.MIXDOWN_WORKER_FUNCTION ?? null,
  };
}

const tellSchema = z.object({
  MIXDOWN_BUS: z.string().min(1).describe("Name or ARN of the event bus."),
});

/** For whoever publishes. @throws MixdownError `usage_invalid` */
export const readBusConfig = (env: NodeJS.ProcessEnv = process.env): { readonly bus: string } => ({
  bus: parseEnv(tellSchema, env).MIXDOWN_BUS,
});

const scheduleSchema = z.object({
  MIXDOWN_SCHEDULE_GROUP: z.string().min(1).describe("Schedule group of deliveries."),
  MIXDOWN_SCHEDULE_TARGET: arn.describe("Function that sends webhooks."),
  MIXDOWN_SCHEDULE_ROLE: arn.describe("Role that calls it."),
});

/** One-shot schedules of webhook deliveries. */
export interface ScheduleConfig {
  readonly group: string;
  readonly targetArn: string;
  readonly roleArn: string;
}

/** For whoever sends webhooks. @throws MixdownError `usage_invalid` */
export function readScheduleConfig(env: NodeJS.ProcessEnv = process.env): ScheduleConfig {
  const values = parseEnv(scheduleSchema, env);
  return {
    group: values.MIXDOWN_SCHEDULE_GROUP,
    targetArn: values.MIXDOWN_SCHEDULE_TARGET,
    roleArn: values.MIXDOWN_SCHEDULE_ROLE,
  };
}

const secretSchema = z.object({
  MIXDOWN_SSM_PREFIX: z
    .string()
    .regex(/^\/[A-Za-z0-9_./-]*[A-Za-z0-9_.-]$/, "must begin with a slash and end without one")
    .describe("Path of the environment's parameters: /mixdown/<env>."),
});

/** For whoever needs a secret. @throws MixdownError `usage_invalid` */
export const readSecretConfig = (env: NodeJS.ProcessEnv = process.env): { readonly prefix: string } => ({
  prefix: parseEnv(secretSchema, env).MIXDOWN_SSM_PREFIX,
});
