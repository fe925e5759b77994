import { Apigatewayv2Stage } from "@cdktn/provider-aws/lib/apigatewayv2-stage/index.js";
import { AutoscalingGroup } from "@cdktn/provider-aws/lib/autoscaling-group/index.js";
import { CloudwatchEventTarget } from "@cdktn/provider-aws/lib/cloudwatch-event-target/index.js";
import { CloudwatchLogGroup } from "@cdktn/provider-aws/lib/cloudwatch-log-group/index.js";
import { DynamodbTable } from "@cdktn/provider-aws/lib/dynamodb-table/index.js";
import { EcrRepository } from "@cdktn/provider-aws/lib/ecr-repository/index.js";
import { EcsTaskDefinition } from "@cdktn/provider-aws/lib/ecs-task-definition/index.js";
import { IamAccessKey } from "@cdktn/provider-aws/lib/iam-access-key/index.js";
import { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import { LambdaEventSourceMapping } from "@cdktn/provider-aws/lib/lambda-event-source-mapping/index.js";
import { LambdaFunction, type LambdaFunctionConfig } from "@cdktn/provider-aws/lib/lambda-function/index.js";
import { LaunchTemplate } from "@cdktn/provider-aws/lib/launch-template/index.js";
import { AwsProvider } from "@cdktn/provider-aws/lib/provider/index.js";
import { S3Bucket } from "@cdktn/provider-aws/lib/s3-bucket/index.js";
import { SqsQueue } from "@cdktn/provider-aws/lib/sqs-queue/index.js";
import { SsmParameter } from "@cdktn/provider-aws/lib/ssm-parameter/index.js";
import { Vpc } from "@cdktn/provider-aws/lib/vpc/index.js";
import { VpcSecurityGroupIngressRule } from "@cdktn/provider-aws/lib/vpc-security-group-ingress-rule/index.js";
import { App, TerraformStack } from "cdktn";
import { expect, test } from "vitest";
import { readEnvironment } from "../../config/environments.ts";
import { EnvironmentStack } from "../../stacks/constructs/environment-stack.ts";
import { buildPolicy, type PolicyStatement } from "../../stacks/constructs/policy-document.ts";
import { guard, synthesize } from "../../stacks/index.ts";
import { policyRules } from "../../stacks/policies/policy-aspect.ts";
import { makeFolder } from "./synth-fixture.ts";

/** What synth says of one stack with one thing in it; empty when it says nothing. */
function judge(build: (stack: EnvironmentStack) => void): string {
  const app = new App({ outdir: `${makeFolder()}/out`, stackTraces: false, skipValidation: true });
  const stack = new EnvironmentStack(app, "bad", readEnvironment({}));
  build(stack);
  guard(stack);
  try {
    synthesize(app);
    return "";
  } catch (thrown) {
    return (thrown as Error).message;
  }
}

const func = (stack: EnvironmentStack, config: Partial<LambdaFunctionConfig> = {}) =>
  new LambdaFunction(stack, "bad", { functionName: "bad", role: "arn:aws:iam::1:role/x", ...config });
const policy = (statement: PolicyStatement) => (stack: EnvironmentStack) =>
  new IamRolePolicy(stack, "bad", { name: "bad", role: "bad", policy: buildPolicy([statement]) });
const bucket = (stack: EnvironmentStack) => new S3Bucket(stack, "bad", { bucket: "bad" });
const task = (container: object) => (stack: EnvironmentStack) =>
  new EcsTaskDefinition(stack, "bad", { family: "bad", containerDefinitions: JSON.stringify([container]) });
const image = `repository@sha256:${"0".repeat(64)}`;

const bad: readonly (readonly [rule: string, build: (stack: EnvironmentStack) => unknown])[] = [
  ["bucket-closed", bucket],
  ["bucket-encrypted", bucket],
  ["bucket-tls-only", bucket],
  ["bucket-ends", bucket],
  ["iam-no-wildcard-action", policy({ actions: ["s3:*"], resources: ["arn:aws:s3:::a"] })],
  ["iam-no-wildcard-resource", policy({ actions: ["sqs:SendMessage"], resources: ["*"] })],
  ["iam-pass-role", policy({ actions: ["iam:PassRole"], resources: ["arn:aws:iam::1:role/x"] })],
  ["iam-no-access-key", (stack) => new IamAccessKey(stack, "bad", { user: "bad" })],
  [
    "iam-trust",
    (stack) =>
      new IamRole(stack, "bad", {
        name: "bad",
        assumeRolePolicy: buildPolicy([{ principals: "*", actions: ["sts:AssumeRole"] }]),
      }),
  ],
  [
    "secret-not-in-state",
    (stack) => new SsmParameter(stack, "bad", { name: "/bad", type: "SecureString", value: "hidden" }),
  ],
  ["queue-encrypted", (stack) => new SqsQueue(stack, "bad", { name: "bad" })],
  ["queue-dead-letters", (stack) => new SqsQueue(stack, "bad", { name: "bad", sqsManagedSseEnabled: true })],
  ["table-recoverable", (stack) => new DynamodbTable(stack, "bad", { name: "bad" })],
  ["table-encrypted", (stack) => new DynamodbTable(stack, "bad", { name: "bad" })],
  ["repository-immutable", (stack) => new EcrRepository(stack, "bad", { name: "bad" })],
  [
    "target-keeps-failures",
    (stack) => new CloudwatchEventTarget(stack, "bad", { rule: "bad", arn: "arn:aws:lambda:eu-west-1:1:function:x" }),
  ],
  ["mapping-reports-items", (stack) => new LambdaEventSourceMapping(stack, "bad", { functionName: "bad" })],
  ["key-rotates", (stack) => new KmsKey(stack, "bad", {})],
  ["stage-logged", (stack) => new Apigatewayv2Stage(stack, "bad", { apiId: "bad", name: "$default" })],
  ["function-logs", func],
  ["function-traced", func],
  ["function-architecture", func],
  ["function-no-plain-secret", (stack) => func(stack, { environment: { variables: { DB_PASSWORD: "x" } } })],
  ["function-no-plain-secret", (stack) => func(stack, { environment: { variables: { A: "AKIAABCDEFGHIJKLMNOP" } } })],
  ["task-no-plain-secret", task({ name: "w", image, environment: [{ name: "SERVICE_KEY", value: "x" }] })],
  ["task-confined", task({ name: "w", image, user: "root", readonlyRootFilesystem: true, logConfiguration: {} })],
  ["task-confined", task({ name: "w", image, user: "1000", logConfiguration: {} })],
  ["task-image-by-digest", task({ name: "w", image: "repository:latest" })],
  ["task-architecture", task({ name: "w", image })],
  ["log-retention", (stack) => new CloudwatchLogGroup(stack, "bad", { name: "bad" })],
  ["instance-hardened", (stack) => new LaunchTemplate(stack, "bad", { name: "bad" })],
  [
    "security-group-closed",
    (stack) =>
      new VpcSecurityGroupIngressRule(stack, "bad", {
        securityGroupId: "sg",
        ipProtocol: "tcp",
        cidrIpv4: "0.0.0.0/0",
      }),
  ],
  ["default-group-closed", (stack) => new Vpc(stack, "bad", { cidrBlock: "10.0.0.0/16" })],
];

test.each(bad)("fails when synth lets pass what %s forbids", (rule, build) => {
  const said = judge(build);
  expect(said).toContain(`[dev-bad/bad] ${rule}: `);
  expect(said).toContain(policyRules.find(({ name }) => name === rule)?.fix);
});

test("fails when a rule has no example that it refuses", () => {
  expect([...new Set(bad.map(([rule]) => rule))].sort()).toEqual(policyRules.map(({ name }) => name).sort());
});

test("fails when a stack without our tags passes", () => {
  const app = new App({ outdir: `${makeFolder()}/out`, stackTraces: false });
  const stack = new TerraformStack(app, "foreign");
  new AwsProvider(stack, "aws", { region: "eu-west-1" });
  guard(stack);
  expect(() => synthesize(app)).toThrow(/tags: .*project, environment, stack, owner/);
});

test("fails when harmless things are refused", () => {
  const said = judge((stack) => {
    new AutoscalingGroup(stack, "group", { minSize: 0, maxSize: 1 });
    policy({ actions: ["ecr:GetAuthorizationToken"], resources: ["*"] })(stack);
    const deadLetters = new SqsQueue(stack, "dead", { name: "dead", sqsManagedSseEnabled: true });
    new SqsQueue(stack, "queue", {
      name: "queue",
      sqsManagedSseEnabled: true,
      redrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: 5 }),
    });
  });
  expect(said).toBe("");
});
