import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { functionNames } from "../../config/function-names.ts";
import { permissionsOf } from "../../config/permissions.ts";
import { buildPermissionFiles } from "../../scripts/build-permissions.ts";
import { find, listAll, ref, resourcesOf, synth } from "./synth-fixture.ts";

const twoWeeksSeconds = 14 * 86_400;

test("fails when the queue forgets, repeats too early, or has nowhere to put what fails", () => {
  const { jobs } = synth("dev");
  const queue = find(jobs, "aws_sqs_queue", "queue_fifo");
  const deadLetters = find(jobs, "aws_sqs_queue", "queue_dead-letters");
  const invoker = find(jobs, "aws_lambda_function", "invoker_function");
  expect(queue).toMatchObject({
    name: "mixdown-dev-jobs.fifo",
    fifo_queue: true,
    content_based_deduplication: false,
    sqs_managed_sse_enabled: true,
  });
  expect(Number(queue.visibility_timeout_seconds)).toBeGreaterThanOrEqual(6 * Number(invoker.timeout));
  expect(JSON.parse(String(queue.redrive_policy))).toEqual({
    deadLetterTargetArn: expect.stringMatching(/aws_sqs_queue\.queue_dead-letters_\w+\.arn/),
    maxReceiveCount: 5,
  });
  expect(deadLetters).toMatchObject({ fifo_queue: true, message_retention_seconds: twoWeeksSeconds });
  const allow = find(jobs, "aws_sqs_queue_redrive_allow_policy", "queue_redrive-allow");
  expect(JSON.parse(String(allow.redrive_allow_policy))).toMatchObject({ redrivePermission: "byQueue" });
  expect(find(synth("prod").jobs, "aws_sqs_queue", "queue_fifo").kms_master_key_id).toContain("aws_kms_key");
});

test("fails when one bad message repeats its whole batch, or the mapping runs without an image", () => {
  const mapping = (variables = {}) =>
    resourcesOf(synth("dev", variables).jobs, "aws_lambda_event_source_mapping")["queue-mapping"];
  expect(mapping()).toMatchObject({
    function_response_types: ["ReportBatchItemFailures"],
    scaling_config: { maximum_concurrency: 5 },
    enabled: true,
  });
  expect(Number(mapping()?.batch_size)).toBeLessThanOrEqual(10);
  const settled = listAll(synth("dev", { MIXDOWN_QUEUE_CONCURRENCY: "7" }), "aws_lambda_event_source_mapping");
  expect(settled).toContainEqual(expect.objectContaining({ scaling_config: { maximum_concurrency: 7 } }));
});

test("fails when events cannot be replayed, or a rule drops what it cannot deliver", () => {
  const stacks = synth("test");
  expect(resourcesOf(stacks.jobs, "aws_cloudwatch_event_bus").bus).toMatchObject({ name: "mixdown-test-bus" });
  expect(resourcesOf(stacks.jobs, "aws_cloudwatch_event_archive").archive).toMatchObject({ retention_days: 14 });
  const targets = listAll(stacks, "aws_cloudwatch_event_target");
  expect(targets.map(({ target_id }) => target_id).sort()).toEqual(["reconcile", "status", "task-state", "webhooks"]);
  for (const target of targets) {
    expect(target).toMatchObject({ retry_policy: expect.anything(), dead_letter_config: { arn: expect.any(String) } });
  }
});

test("fails when a file that came in parts, or by any other way, starts nothing", () => {
  const trigger = resourcesOf(synth("test").jobs, "aws_s3_bucket_notification")["upload-trigger"];
  expect(trigger?.lambda_function).toEqual([expect.objectContaining({ events: ["s3:ObjectCreated:*"] })]);
  expect(trigger?.lambda_function).not.toEqual([expect.objectContaining({ filter_prefix: expect.anything() })]);
});

test("fails when a function has another processor, runtime, size, log or no trace", () => {
  for (const name of ["dev", "test", "prod"]) {
    const stacks = synth(name);
    const functions = listAll(stacks, "aws_lambda_function").filter(({ package_type }) => package_type !== "Image");
    expect(functions).toHaveLength(name === "test" ? functionNames.length : functionNames.length - 2);
    const groups = listAll(stacks, "aws_cloudwatch_log_group");
    for (const one of functions) {
      expect(one).toMatchObject({
        architectures: ["arm64"],
        runtime: "nodejs24.x",
        memory_size: 1_024,
        tracing_config: { mode: "Active" },
        handler: "index.handler",
      });
      // A stream lasts 14 minutes; everything else answers within the gateway's 30 seconds.
      const [least, most] = one.function_name === `mixdown-${name}-stream` ? [841, 900] : [25, 29];
      expect(Number(one.timeout)).toBeGreaterThanOrEqual(Number(least));
      expect(Number(one.timeout)).toBeLessThanOrEqual(Number(most));
      const group = groups.find((candidate) => candidate.name === `/aws/lambda/${one.function_name}`);
      expect(group).toMatchObject({ retention_in_days: 14 });
    }
  }
});

interface Statement {
  readonly Sid?: string;
  readonly Action: readonly string[];
  readonly Resource: readonly string[];
  readonly Condition?: object;
}

const statementsOf = (name: string, environment = "test"): readonly Statement[] =>
  Object.values(synth(environment)).flatMap((stack) =>
    Object.entries(resourcesOf(stack, "aws_iam_role_policy"))
      .filter(([id]) => id.startsWith(`${name}_policy_`) || id === `${name}-launch`)
      .flatMap(([, policy]) => JSON.parse(String(policy.policy)).Statement as Statement[]),
  );

test.each(functionNames)("fails when the role of %s lacks a call of its table", (name) => {
  const granted = new Set(statementsOf(name).flatMap(({ Sid, Action }) => Action.map((action) => `${Sid} ${action}`)));
  const sid = (resource: string) => resource.replace(/(^|-)([a-z])/g, (_, _dash, letter) => letter.toUpperCase());
  const missing = permissionsOf(name).filter(({ action, resource }) => !granted.has(`${sid(resource)} ${action}`));
  expect(missing).toEqual([]);
});

test("fails when a launcher may hand on any role but the two of tasks, or to another service", () => {
  const passing = ["invoker", "reconciler"].flatMap((name) =>
    statementsOf(name).filter(({ Action }) => Action.includes("iam:PassRole")),
  );
  expect(passing).toHaveLength(2);
  for (const statement of passing) {
    expect(statement.Resource).toEqual([ref("aws_iam_role.task-role.arn"), ref("aws_iam_role.execution-role.arn")]);
    expect(statement.Condition).toEqual({ StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } });
  }
});

test("fails when what is generated from the adapters' tables is not current: npm run build:permissions", () => {
  for (const [path, text] of Object.entries(buildPermissionFiles())) {
    expect(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"), path).toBe(text);
  }
});

test("fails when a role that reads or fills what our key encrypts may not use the key", () => {
  const encrypted = new Set([
    "ReadQueue",
    "ReadStream",
    "Undelivered",
    "Table",
    "Raw",
    "Derived",
    "Queue",
    "Parameters",
  ]);
  const policies = Object.values(synth("test")).flatMap((stack) =>
    Object.values(resourcesOf(stack, "aws_iam_role_policy")).map(({ policy }) => JSON.parse(String(policy)).Statement),
  ) as (readonly Statement[])[];
  const touching = policies.filter((statements) => statements.some(({ Sid }) => encrypted.has(String(Sid))));
  expect(touching.length).toBeGreaterThan(functionNames.length);
  for (const statements of touching) {
    expect(statements).toContainEqual(expect.objectContaining({ Action: ["kms:Decrypt", "kms:GenerateDataKey"] }));
  }
});
