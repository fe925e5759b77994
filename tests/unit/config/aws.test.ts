import { expect, test } from "vitest";
import {
  isOnAws,
  readAwsConfig,
  readBusConfig,
  readLaunchConfig,
  readScheduleConfig,
  readSecretConfig,
} from "../../../config/aws.ts";

const env = {
  MIXDOWN_ENV: "dev",
  MIXDOWN_TABLE: "mixdown-dev-jobs",
  MIXDOWN_RAW_BUCKET: "mixdown-dev-raw",
  MIXDOWN_DERIVED_BUCKET: "mixdown-dev-derived",
  MIXDOWN_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/000000000000/mixdown-dev-jobs.fifo",
};
const launchEnv = { MIXDOWN_CLUSTER: "c", MIXDOWN_TASK_DEFINITION: "t", MIXDOWN_SUBNETS: "subnet-1, subnet-2" };

test("fails when the settings that every part is told are read otherwise than they were written", () => {
  expect(readAwsConfig({ ...env, MIXDOWN_DEFAULT_OWNER: "acme", MIXDOWN_OUTPUT_DAYS: "7" })).toEqual({
    env: "dev",
    table: "mixdown-dev-jobs",
    rawBucket: "mixdown-dev-raw",
    derivedBucket: "mixdown-dev-derived",
    queueUrl: env.MIXDOWN_QUEUE_URL,
    deadLetterQueueUrl: undefined,
    defaultOwner: "acme",
    sharedCache: false,
    outputsMs: 7 * 86_400_000,
    progressEvents: false,
    lambdaLane: false,
    ffmpegMajor: 5,
    scratchDir: "/scratch",
    forcePathStyle: false,
  });
});

test("fails when outputs that are kept for ever have an end that anybody sees", () => {
  const { outputsMs } = readAwsConfig({ ...env, MIXDOWN_OUTPUT_DAYS: "0" });
  expect(outputsMs).toBeGreaterThan(50 * 365 * 86_400_000);
  expect(new Date(Date.now() + outputsMs).toISOString()).toMatch(/^2/);
});

test("fails when an emulator's buckets are looked for as host names, or AWS's as paths", () => {
  expect(readAwsConfig({ ...env, AWS_ENDPOINT_URL: "http://127.0.0.1:4566" }).forcePathStyle).toBe(true);
  expect(readAwsConfig({ ...env, AWS_ENDPOINT_URL_S3: "http://127.0.0.1:9000" }).forcePathStyle).toBe(true);
  expect(readAwsConfig({ ...env, AWS_ENDPOINT_URL: "" }).forcePathStyle).toBe(false);
});

test("fails when a laptop takes itself for AWS, or AWS for a laptop", () => {
  expect([isOnAws({}), isOnAws({ MIXDOWN_TABLE: "" }), isOnAws(env)]).toEqual([false, false, true]);
});

const faults: readonly (readonly [string, NodeJS.ProcessEnv, (given: NodeJS.ProcessEnv) => unknown, RegExp])[] = [
  ["a table without a name", { ...env, MIXDOWN_TABLE: "" }, readAwsConfig, /^MIXDOWN_TABLE is missing; correct/],
  [
    "a standard queue",
    { ...env, MIXDOWN_QUEUE_URL: "https://sqs.eu-west-1.amazonaws.com/0/jobs" },
    readAwsConfig,
    /^MIXDOWN_QUEUE_URL must be the URL of a FIFO queue, ending in \.fifo \(received "https/,
  ],
  [
    "an owner with a dot",
    { ...env, MIXDOWN_DEFAULT_OWNER: "a.b" },
    readAwsConfig,
    /^MIXDOWN_DEFAULT_OWNER must be 1 to 64/,
  ],
  ["no subnet", { ...launchEnv, MIXDOWN_SUBNETS: " , " }, readLaunchConfig, /^MIXDOWN_SUBNETS must name at least one/],
  [
    "an address that is neither",
    { ...launchEnv, MIXDOWN_ASSIGN_PUBLIC_IP: "yes" },
    readLaunchConfig,
    /MIXDOWN_ASSIGN_PUBLIC_IP must be one of .*received "yes"/,
  ],
  ["no bus", {}, readBusConfig, /^MIXDOWN_BUS is missing/],
  [
    "a role that is none",
    { MIXDOWN_SCHEDULE_GROUP: "g", MIXDOWN_SCHEDULE_TARGET: "arn:f", MIXDOWN_SCHEDULE_ROLE: "r" },
    readScheduleConfig,
    /^MIXDOWN_SCHEDULE_ROLE must be an ARN \(received "r"\)/,
  ],
  [
    "a path that ends in a slash",
    { MIXDOWN_SSM_PREFIX: "/mixdown/dev/" },
    readSecretConfig,
    /^MIXDOWN_SSM_PREFIX must begin with a slash/,
  ],
];
test.each(faults)("fails when %s is accepted, or not told in one sentence", (_what, given, read, sentence) => {
  expect(() => read(given)).toThrow(
    expect.objectContaining({ code: "usage_invalid", message: expect.stringMatching(sentence) }),
  );
});

test("fails when an optional lane is half there", () => {
  expect(readLaunchConfig(launchEnv)).toMatchObject({
    gpu: null,
    workerFunction: null,
    subnets: ["subnet-1", "subnet-2"],
  });
  expect(readLaunchConfig({ ...launchEnv, MIXDOWN_TASK_DEFINITION_GPU: "g" }).gpu).toBeNull();
  const whole = { ...launchEnv, MIXDOWN_TASK_DEFINITION_GPU: "g", MIXDOWN_GPU_CAPACITY_PROVIDER: "p" };
  expect(readLaunchConfig(whole).gpu).toEqual({ taskDefinition: "g", capacityProvider: "p" });
});
