import { expect, test } from "vitest";
import { formatComment } from "../../../../core/plan-review/comment.ts";
import { buildReviewDocument } from "../../../../core/plan-review/document.ts";
import { countGates, exitCodeOfGates, gates } from "../../../../core/plan-review/gates.ts";
import { readRealPlan, realPlanNames, reviewReal } from "./plan-fixtures.ts";

test("fails if a real plan is not among the fixtures", () => {
  expect(realPlanNames).toEqual(
    expect.arrayContaining(["access", "modules", "network", "storage", "teardown", "unchanged"]),
  );
});

test("fails when a deletion or replacement of what holds data is not the first thing told", () => {
  const review = reviewReal("storage");
  expect(review.losses.map(({ change, loss }) => [change.address, change.action, loss])).toEqual([
    ["aws_dynamodb_table.jobs", "replace", "its items"],
    ["aws_s3_bucket.raw", "replace", "its objects"],
    ["aws_sns_topic.alarms", "replace-after-create", "its subscriptions"],
    ["aws_sqs_queue.jobs", "delete", "its messages"],
  ]);
  const comment = formatComment(review);
  expect(comment.indexOf("### Data at risk")).toBeLessThan(comment.indexOf("<details>"));
  expect(comment).toContain("**replaced** `aws_dynamodb_table.jobs` in `storage`: its items");
  expect(comment).toContain("`hash_key` cannot change in place");
  expect(comment).toContain("**replaced, the new one first** `aws_sns_topic.alarms`");
});

test("fails when a guard over data is taken down unseen", () => {
  const guards = reviewReal("storage").loweredGuards.flatMap(({ change, guards: all }) =>
    all.map(({ what, before, after }) => [change.address, what, before, after]),
  );
  expect(guards).toEqual([
    ["aws_cloudwatch_log_group.worker", "days that logs are kept", 90, 14],
    ["aws_dynamodb_table.sessions", "deletion protection", true, false],
    ["aws_kms_key.data", "key rotation", true, false],
    ["aws_s3_bucket_lifecycle_configuration.raw", "days that objects are kept by rule uploads (expiration)", 30, 7],
  ]);
});

test("fails when what Terraform moves or forgets counts as a loss, or is not told", () => {
  const review = reviewReal("storage");
  expect(review.losses.map(({ change }) => change.address)).not.toContain("aws_ecr_repository.worker");
  const comment = formatComment(review);
  expect(comment).toContain("**forgotten, not deleted** `aws_ecr_repository.worker`");
  expect(comment).toContain("**moved** `aws_ssm_parameter.limit` in `storage` from `aws_ssm_parameter.old_name`");
});

test("fails when a permission's direction is wrong", () => {
  const directions = reviewReal("access").access.map(({ change, access }) => [change.address, access.direction]);
  expect(Object.fromEntries(directions)).toEqual({
    "aws_iam_role.worker": "widened",
    "aws_iam_role_policy.worker": "widened",
    "aws_iam_role_policy.reader": "narrowed",
    "aws_iam_role_policy_attachment.reader": "widened",
    "aws_s3_bucket_policy.raw": "widened",
    // Its text has a queue in it that has no ARN yet.
    "aws_sqs_queue_policy.wake": "unclear",
  });
});

test("fails when a condition, a deny or a wildcard goes unnamed", () => {
  const byAddress = new Map(reviewReal("access").access.map(({ change, access }) => [change.address, access]));
  expect(byAddress.get("aws_iam_role.worker")?.lines).toEqual([
    '- Allow sts:AssumeRole to Service:ecs-tasks.amazonaws.com if {"StringEquals":{"aws:SourceAccount":"000000000000"}}',
    "+ Allow sts:AssumeRole to Service:ecs-tasks.amazonaws.com",
  ]);
  expect(byAddress.get("aws_iam_role_policy.worker")?.lines).toEqual([
    "- Deny s3:DeleteObject on *",
    "+ Allow s3:* on arn:aws:s3:::studio-raw/*",
  ]);
  expect(byAddress.get("aws_iam_role_policy.worker")?.wildcards).toEqual(["every action of s3"]);
  expect(byAddress.get("aws_s3_bucket_policy.raw")?.wildcards).toEqual(["any principal"]);
});

test("fails when a way in from the internet is opened unseen", () => {
  const opened = reviewReal("network", "access").exposure.flatMap(({ change, exposure }) =>
    exposure.opened.map((what) => `${change.address}: ${what}`),
  );
  expect(opened.sort()).toEqual([
    "aws_db_instance.reports: reachable from the internet",
    "aws_eip.nat: a public address",
    "aws_lambda_function_url.events: a function URL without authorization",
    "aws_s3_bucket_policy.raw: anyone may s3:GetObject on arn:aws:s3:::studio-raw/*",
    "aws_s3_bucket_public_access_block.derived: block_public_acls off",
    "aws_s3_bucket_public_access_block.derived: block_public_policy off",
    "aws_s3_bucket_public_access_block.derived: ignore_public_acls off",
    "aws_s3_bucket_public_access_block.derived: restrict_public_buckets off",
    "aws_s3_bucket_public_access_block.raw: block_public_policy off",
    "aws_security_group.tasks: ingress of tcp 22 from 0.0.0.0/0",
    "aws_subnet.public: public addresses for whatever starts in it",
    "aws_vpc_security_group_ingress_rule.anywhere: ingress of everything from ::/0",
  ]);
});

test("fails when a block that goes with its bucket is told as an opening", () => {
  const review = reviewReal("teardown");
  expect(review.exposure.flatMap(({ exposure }) => exposure.opened)).toEqual([]);
  expect(review.losses.map(({ change }) => change.address)).toEqual([
    "aws_lambda_function_url.events",
    "aws_s3_bucket.derived",
    "aws_s3_bucket.raw",
  ]);
});

test("fails when the monthly cost does not add up, or what has no price is left out", () => {
  const review = reviewReal("network");
  // NAT 32.85, its address 3.65, one interface endpoint in one zone 7.30, less one alarm.
  expect(review.monthlyUsdChange).toBeCloseTo(32.85 + 3.65 + 7.3 - 0.1, 6);
  expect(review.costs.filter(({ afterUsd }) => afterUsd === null).map(({ change }) => change.address)).toEqual([
    "aws_db_instance.reports",
  ]);
  expect(formatComment(review)).toContain("### Monthly cost: +43.70 USD");
});

test("fails when data that is read, or nothing at all, counts as a change", () => {
  expect(reviewReal("modules").changes.some(({ change }) => change.address.startsWith("data."))).toBe(false);
  const review = reviewReal("unchanged");
  expect(review.changes).toEqual([]);
  expect(formatComment(review)).toContain("**No changes.**");
});

test("fails when a secret that stands in a plan is repeated", () => {
  const review = reviewReal(...realPlanNames);
  expect(readRealPlan("storage")).toContain("hunter3-the-new-secret");
  expect(readRealPlan("network")).toContain("hunter2-in-plain-hcl");
  expect(JSON.stringify(buildReviewDocument(review, gates))).not.toContain("hunter");
});

test("fails when a gate does not end with its own code, or several with theirs", () => {
  expect(exitCodeOfGates(reviewReal("storage"), gates)).toBe(10);
  expect(exitCodeOfGates(reviewReal("access"), ["iam"])).toBe(11);
  expect(exitCodeOfGates(reviewReal("network"), gates)).toBe(12);
  expect(exitCodeOfGates(reviewReal("access"), gates)).toBe(20);
  expect(exitCodeOfGates(reviewReal("access"), ["destructive"])).toBe(0);
  expect(exitCodeOfGates(reviewReal("storage", "network"), [])).toBe(0);
  expect(countGates(reviewReal("unchanged"))).toEqual({ destructive: 0, iam: 0, public: 0, incomplete: 0 });
});

test("fails when our own stacks' first deployment is told as a danger, or a new image as one", () => {
  const { destructive, public: open } = countGates(reviewReal("own-jobs-first", "own-compute"));
  expect([destructive, open]).toEqual([0, 0]);
  expect(reviewReal("own-compute").changes.map(({ change }) => [change.address, change.action])).toContainEqual([
    "aws_ecs_task_definition.task-definition",
    "replace-after-create",
  ]);
});

test("fails when NAT or a shorter life of outputs in our own stacks goes unseen", () => {
  expect(reviewReal("own-network").monthlyUsdChange).toBeCloseTo(36.5, 6);
  expect(reviewReal("own-storage").loweredGuards.flatMap(({ guards }) => guards)).toEqual([
    { what: "days that objects are kept by rule outputs (expiration)", before: 30, after: 7 },
  ]);
});
