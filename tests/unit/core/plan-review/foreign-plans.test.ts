import { expect, test } from "vitest";
import { MixdownError } from "../../../../core/errors.ts";
import { formatComment } from "../../../../core/plan-review/comment.ts";
import { countGates } from "../../../../core/plan-review/gates.ts";
import { parsePlan } from "../../../../core/plan-review/plan.ts";
import { commentOf, planText, readRealPlan, reviewOne, reviewText, shapeChange } from "./plan-fixtures.ts";

const table = { name: "t", hash_key: "pk" };

test.each(["0.1", "0.2", "1.0", "1.1", "1.2", "1.3"])("fails when a plan of format %s is refused", (version) => {
  const text = planText([shapeChange({ type: "aws_dynamodb_table", before: table })], { format_version: version });
  expect(reviewText(text).losses).toHaveLength(1);
});

test("fails when a plan of Terraform 1.5, which says less, is not understood", () => {
  const { change, ...rest } = shapeChange({ type: "aws_dynamodb_table", before: table });
  const { before_sensitive: _, after_sensitive: __, after_unknown: ___, ...older } = change as Record<string, unknown>;
  const text = planText([{ ...rest, change: older }], { format_version: "1.2", terraform_version: "1.5.7" });
  expect(reviewText(text).losses).toHaveLength(1);
});

test("fails when OpenTofu's plan is refused: null for empty lists, its own registry", () => {
  const change = shapeChange({
    type: "aws_sqs_queue",
    before: { name: "q" },
    more: { provider_name: "registry.opentofu.org/hashicorp/aws" },
  });
  const text = planText([change], { terraform_version: "1.10.6", output_changes: null, resource_drift: null });
  expect(reviewText(text).losses).toHaveLength(1);
});

test("fails when a plan without any resource is refused", () => {
  expect(reviewText(planText([], { resource_changes: undefined, planned_values: {} })).changes).toEqual([]);
});

test.each([
  ["nothing", "", "input_empty"],
  ["text", "Terraform will perform the following actions:", "input_not_plan"],
  ["a plan in its own form", "PK\u0003\u0004rest", "input_not_plan"],
  ["the log of plan -json", '{"@level":"info"}\n{"@level":"info"}', "input_not_plan"],
  ["a state", JSON.stringify({ format_version: "1.0", values: {} }), "input_not_plan"],
  ["another major version", planText([], { format_version: "2.0" }), "input_not_plan"],
  ["a list", "[]", "input_not_plan"],
  ["null", "null", "input_not_plan"],
  ["changes that are none", planText([], { resource_changes: [{ address: 1 }] }), "input_not_plan"],
])("fails when %s is taken for a plan", (_what, text, code) => {
  let thrown: unknown;
  try {
    parsePlan(text, "plan.json", "main");
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(MixdownError);
  expect((thrown as MixdownError).code).toBe(code);
  expect((thrown as MixdownError).message).toMatch(/^"plan.json" .*terraform show -json[^\n]*\.$/);
});

test("fails when a mark of byte order hides a plan", () => {
  expect(parsePlan(`\uFEFF${readRealPlan("storage")}`, "p", "p").changes.length).toBeGreaterThan(5);
});

test.each([
  ["count", "module.a[0].module.b.aws_s3_bucket.x[2]"],
  ["for_each", 'module.a["eu-west-1"].aws_s3_bucket.x["raw/one"]'],
  ["quotes and unicode", 'aws_s3_bucket.x["größe \\"1\\""]'],
])("fails when an address with %s is not told as it stands", (_what, address) => {
  expect(commentOf(planText([shapeChange({ address, type: "aws_s3_bucket", before: { bucket: "b" } })]))).toContain(
    `\`${address}\``,
  );
});

test("fails when a deposed object's deletion is not told for what it is", () => {
  const text = planText([
    shapeChange({ type: "aws_s3_bucket", before: { bucket: "b" }, more: { deposed: "ab12cd34" } }),
  ]);
  expect(commentOf(text)).toContain("a left-over of an earlier replacement");
});

test("fails when drift is not told, or counts as planned", () => {
  const drifted = shapeChange({
    type: "aws_security_group",
    before: { ingress: [] },
    after: { ingress: [{ protocol: "tcp", from_port: 22, to_port: 22, cidr_blocks: ["0.0.0.0/0"] }] },
  });
  const text = planText([], { resource_drift: [drifted] });
  expect(countGates(reviewText(text)).public).toBe(0);
  expect(commentOf(text)).toContain("Changed outside of Terraform (1)");
});

test("fails when what is deferred, failed or unfinished passes for a whole plan", () => {
  const review = reviewText(
    planText([shapeChange({ type: "aws_s3_bucket", before: {}, after: {}, actions: ["teleport"] })], {
      errored: true,
      complete: false,
      deferred_changes: [
        { reason: "provider_config_unknown", resource_change: shapeChange({ type: "aws_vpc", after: {} }) },
      ],
    }),
  );
  expect(countGates(review).incomplete).toBe(3);
  const comment = formatComment(review);
  expect(comment).toContain("planning ended with an error");
  expect(comment).toContain("**deferred** `aws_vpc.it`");
  expect(comment).toContain("**an action that is not known here** `aws_s3_bucket.it`");
});

test.each([
  ["replace_because_tainted", "it is tainted"],
  ["replace_by_request", "`-replace` asks for it"],
  ["some_new_reason", "`some_new_reason`"],
])("fails when the reason %s is not told", (reason, words) => {
  const shape = { type: "aws_sqs_queue", before: { name: "q" }, after: { name: "q" }, actions: ["delete", "create"] };
  expect(commentOf(planText([shapeChange({ ...shape, more: { action_reason: reason } })]))).toContain(words);
});

test.each([
  ["google_storage_bucket", true],
  ["google_storage_bucket_iam_member", false],
  ["azurerm_mssql_database", true],
  ["azurerm_storage_account", true],
  ["aws_s3_bucket_policy", false],
  ["random_password", true],
  ["null_resource", false],
])("fails when the deletion of %s is misjudged", (type, holdsData) => {
  expect(reviewOne({ type, before: { name: "n" } }).losses.length > 0).toBe(holdsData);
});

test("fails when a way in is misjudged", () => {
  const opens = (type: string, after: object, change: object = {}) =>
    reviewOne({ type, after, change: { ...change } }).exposure.flatMap(({ exposure }) => [
      ...exposure.opened,
      ...exposure.unclear.map((one) => `? ${one}`),
    ]);
  const rule = { ip_protocol: "tcp", from_port: 443, to_port: 443 };
  expect(opens("aws_vpc_security_group_ingress_rule", { ...rule, cidr_ipv4: "10.0.0.0/8" })).toEqual([]);
  expect(opens("aws_vpc_security_group_ingress_rule", { ...rule, cidr_ipv4: "128.0.0.0/1" })).toEqual([
    "ingress of tcp 443 from 128.0.0.0/1",
  ]);
  expect(opens("aws_vpc_security_group_ingress_rule", rule, { after_unknown: { cidr_ipv4: true } })).toEqual([
    "? ingress of tcp 443",
  ]);
  expect(opens("aws_security_group_rule", { type: "egress", protocol: "-1", cidr_blocks: ["0.0.0.0/0"] })).toEqual([]);
  expect(opens("aws_lambda_permission", { principal: "*", action: "lambda:InvokeFunction" })).toEqual([
    "anyone may invoke the function",
  ]);
  expect(opens("aws_lambda_permission", { principal: "*", source_account: "1" })).toEqual([]);
  const world = { destination_cidr_block: "0.0.0.0/0" };
  expect(opens("aws_route", world, { after_unknown: { gateway_id: true } })).toHaveLength(1);
  expect(opens("aws_route", { ...world, gateway_id: "igw-1" })).toHaveLength(1);
  expect(opens("aws_route", { ...world, nat_gateway_id: "nat-1" })).toEqual([]);
  const uri = "http://acs.amazonaws.com/groups/global/AllUsers";
  expect(opens("aws_s3_bucket_acl", { access_control_policy: [{ grant: [{ grantee: [{ uri }] }] }] })).toEqual([
    "an ACL for everybody",
  ]);
  expect(opens("aws_s3_bucket_acl", { acl: "private" })).toEqual([]);
  expect(opens("aws_launch_template", { network_interfaces: [{ associate_public_ip_address: "true" }] })).toHaveLength(
    1,
  );
});

test("fails when variables, keys or tokens are told in plain", () => {
  const secrets = [
    "s3cr3t-in-a-variable",
    "AKIAABCDEFGHIJKLMNOP",
    "https://user:pw@example.org",
    "-----BEGIN PRIVATE KEY-----",
  ];
  const before = { environment: [{ variables: { TABLE: "t", LEVEL: "info" } }], description: "d", name: "f" };
  const after = {
    environment: [{ variables: { TABLE: secrets[0], LEVEL: "debug" } }],
    description: secrets[1],
    name: secrets[2],
    note: secrets[3],
    master_password: "s3cr3t-too",
  };
  const comment = commentOf(planText([shapeChange({ type: "aws_lambda_function", before, after })]));
  expect(comment).toContain("`environment[0].variables.TABLE`: `(sensitive)` → `(sensitive)`");
  for (const secret of [...secrets, "s3cr3t-too", "debug"]) expect(comment).not.toContain(secret);
});

test("fails when an alarm on a formula is priced as one metric", () => {
  const metric = (id: string) => ({ id, metric: [{ metric_name: id }] });
  const metric_query = [metric("a"), metric("b"), { id: "c", expression: "a / b", metric: [] }];
  const [cost] = reviewOne({ type: "aws_cloudwatch_metric_alarm", after: { metric_query } }).costs;
  expect(cost?.afterUsd).toBeCloseTo(0.2, 9);
});

test("fails when a group without instances is priced, or one with them is not named", () => {
  const costs = (after: object) =>
    reviewOne({ type: "aws_autoscaling_group", after }).costs.map(({ afterUsd }) => afterUsd);
  expect(costs({ min_size: 0, max_size: 2 })).toEqual([]);
  expect(costs({ min_size: 0, desired_capacity: 1 })).toEqual([null]);
});

test("fails when a deletion combined with something new is not told as one", () => {
  const text = planText([
    shapeChange({ type: "aws_s3_bucket", before: {}, after: {}, actions: ["transmute", "delete"] }),
  ]);
  expect(reviewText(text).losses).toHaveLength(1);
});

test("fails when an ephemeral resource counts as a change, or an action that runs goes untold", () => {
  const opened = shapeChange({
    type: "aws_secretsmanager_random_password",
    actions: ["open"],
    more: { mode: "ephemeral" },
  });
  const text = planText([opened], {
    action_invocations: [{ address: "action.aws_lambda_invoke.warm", config_values: { payload: "s3cr3t" } }],
  });
  expect(countGates(reviewText(text)).incomplete).toBe(0);
  expect(reviewText(text).changes).toEqual([]);
  expect(commentOf(text)).toContain("- `action.aws_lambda_invoke.warm` in `main`");
  expect(commentOf(text)).not.toContain("s3cr3t");
});

test("fails when a resource that is sensitive as a whole passes for judged", () => {
  const shape = { type: "aws_iam_role_policy", before: { policy: "a" }, after: { policy: "s3cr3t" } };
  const text = planText([shapeChange({ ...shape, change: { after_sensitive: true } })]);
  expect(countGates(reviewText(text)).incomplete).toBe(1);
  expect(commentOf(text)).toContain("`aws_iam_role_policy.it` in `main`: what happens to it cannot be told");
  expect(commentOf(text)).not.toContain("s3cr3t");
});
