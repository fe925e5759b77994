import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readEnvironment } from "../../config/environments.ts";
import { listStandingParts } from "../../config/standing-parts.ts";
import { buildMonthlyFloor, type StandingParts, sumMonthly } from "../../core/cost.ts";
import { createStacks } from "../../stacks/index.ts";
import { countStandingParts } from "../../stacks/standing-parts.ts";
import { makeBundles } from "../fixtures/empty-bundles.ts";
import { listAll, makeFolder, synth, synthFiles } from "./synth-fixture.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("fails when the same input gives another byte", () => {
  const [first, second] = [synthFiles("test"), synthFiles("test")];
  expect([...second.keys()]).toEqual([...first.keys()]);
  const different = [...first].filter(([path, text]) => second.get(path) !== text).map(([path]) => path);
  expect(different).toEqual([]);
  // The JSON of seven stacks and more, and the functions' archives.
  expect(first.size).toBeGreaterThan(15);
});

/** Names by which AWS tells things apart, each within the space where it must be the only one. */
const named: readonly (readonly [type: string, attribute: string, space: "world" | "account" | "region"])[] = [
  ["aws_s3_bucket", "bucket", "world"],
  ["aws_iam_role", "name", "account"],
  ["aws_iam_user", "name", "account"],
  ["aws_iam_group", "name", "account"],
  ["aws_iam_instance_profile", "name", "account"],
  ["aws_cloudwatch_dashboard", "dashboard_name", "account"],
  ["aws_budgets_budget", "name", "account"],
  ["aws_sqs_queue", "name", "region"],
  ["aws_dynamodb_table", "name", "region"],
  ["aws_lambda_function", "function_name", "region"],
  ["aws_cloudwatch_event_bus", "name", "region"],
  ["aws_cloudwatch_event_archive", "name", "region"],
  ["aws_cloudwatch_event_rule", "name", "region"],
  ["aws_cloudwatch_log_group", "name", "region"],
  ["aws_cloudwatch_metric_alarm", "alarm_name", "region"],
  ["aws_ssm_parameter", "name", "region"],
  ["aws_ecr_repository", "name", "region"],
  ["aws_ecs_cluster", "name", "region"],
  ["aws_ecs_task_definition", "family", "region"],
  ["aws_ecs_capacity_provider", "name", "region"],
  ["aws_kms_alias", "name", "region"],
  ["aws_sns_topic", "name", "region"],
  ["aws_launch_template", "name", "region"],
  ["aws_autoscaling_group", "name", "region"],
  ["aws_scheduler_schedule_group", "name", "region"],
  ["aws_xray_sampling_rule", "rule_name", "region"],
  ["aws_xray_group", "group_name", "region"],
];

interface Place {
  readonly environment: string;
  readonly account: string;
  readonly region: string;
}

const everyPart = {
  MIXDOWN_GPU: "1",
  MIXDOWN_NAT: "single",
  MIXDOWN_INSIGHT: "1",
  MIXDOWN_PRESIGN_USER: "1",
  MIXDOWN_ALARMS: "1",
};

const claimsOf = ({ environment, account, region }: Place): readonly string[] => {
  const stacks = synth(environment, { ...everyPart, MIXDOWN_ACCOUNT: account, MIXDOWN_REGION: region });
  return named.flatMap(([type, attribute, space]) => {
    const place = { world: "", account, region: `${account} ${region}` }[space];
    return listAll(stacks, type).map((resource) => `${type} ${place} ${resource[attribute]}`);
  });
};

test("fails when two environments, two regions or two accounts want the same name", () => {
  const places = ["111111111111", "222222222222"].flatMap((account) =>
    ["eu-west-1", "ap-southeast-2"].flatMap((region) =>
      ["dev", "prod"].map((environment): Place => ({ environment, account, region })),
    ),
  );
  const claims = places.flatMap(claimsOf);
  const twice = claims.filter((claim, index) => claims.indexOf(claim) !== index);
  expect(twice).toEqual([]);
  const types = new Set(claims.map((claim) => claim.split(" ")[0]));
  expect(types.size).toBeGreaterThan(20);
});

test("fails when a name does not say the environment, or is longer than AWS takes", () => {
  const region = "ap-southeast-2";
  const stacks = synth("stage", { ...everyPart, MIXDOWN_ACCOUNT: "111111111111", MIXDOWN_REGION: region });
  for (const { bucket } of listAll(stacks, "aws_s3_bucket")) {
    expect(bucket).toMatch(/^mixdown-stage-[a-z-]+-111111111111-ap-southeast-2$/);
    expect(String(bucket).length).toBeLessThanOrEqual(63);
  }
  for (const { name } of listAll(stacks, "aws_iam_role")) {
    expect(name).toMatch(/^mixdown-stage-[a-z-]+-ap-southeast-2$/);
    expect(String(name).length).toBeLessThanOrEqual(64);
  }
});

test("fails when a bucket's name leaves out the account where config names none", () => {
  for (const { bucket } of listAll(synth("dev"), "aws_s3_bucket")) {
    expect(bucket).toContain("data.aws_caller_identity.identity.account_id");
  }
});

test("fails when something goes untagged", () => {
  for (const [name, stack] of Object.entries(synth("prod"))) {
    expect(stack.provider.aws[0]?.default_tags).toEqual([
      { tags: { project: "mixdown", environment: "prod", stack: name, owner: "mixdown" } },
    ]);
  }
});

test("fails when two environments, or two stacks, share a state", () => {
  const local = (name: string) => Object.values(synth(name)).map((stack) => stack.terraform.backend.local?.path);
  expect(local("dev")).toContain("../../../.state/dev/storage.tfstate");
  const all = [...local("dev"), ...local("prod")];
  expect(new Set(all).size).toBe(all.length);
  const remote = { MIXDOWN_STATE_BUCKET: "states", MIXDOWN_REGION: "eu-west-1" };
  const backend = (name: string) => synth(name, remote).storage?.terraform.backend.s3;
  expect(backend("dev")).toMatchObject({
    bucket: "states",
    key: "mixdown/dev/storage.tfstate",
    region: "eu-west-1",
    use_lockfile: true,
    encrypt: true,
  });
  expect(backend("prod")?.key).toBe("mixdown/prod/storage.tfstate");
});

test("fails when a Terraform that would write secrets down is let through", () => {
  for (const stack of Object.values(synth("dev"))) expect(stack.terraform.required_version).toBe(">= 1.11.0");
});

test("fails when what one stack tells another hides the plan", () => {
  const outputs = Object.values(synth("test")).flatMap((stack) => Object.values(stack.output ?? {}));
  expect(outputs.filter(({ sensitive }) => sensitive === true)).toEqual([]);
});

const countedIn = (name: string, variables = {}): { counted: StandingParts; expected: StandingParts } => {
  const folder = makeFolder();
  const environment = readEnvironment({ ...variables, MIXDOWN_ENV: name });
  const { app } = createStacks({
    environment,
    bundles: makeBundles(join(folder, "bundles")),
    outdir: join(folder, "out"),
  });
  return { counted: countStandingParts(app), expected: listStandingParts(environment) };
};

const floorOf = (name: string, variables = {}): number =>
  sumMonthly(buildMonthlyFloor(countedIn(name, variables).counted));

test("fails when what settings are said to cost is not what their stacks hold", () => {
  const cases = [
    ["dev", {}],
    ["dev", { MIXDOWN_ALARMS: "true", MIXDOWN_LAMBDA_LANE: "false", MIXDOWN_NAT: "per-zone" }],
    ["test", {}],
    ["stage", { MIXDOWN_UPLOAD_TRIGGER: "true", MIXDOWN_INTERFACE_ENDPOINTS: "true" }],
    ["prod", {}],
    ["prod", { MIXDOWN_STATUS_TABLE: "true", MIXDOWN_OWN_KEY: "false", MIXDOWN_ZONES: "2" }],
  ] as const;
  for (const [name, variables] of cases) {
    const { counted, expected } = countedIn(name, variables);
    expect(expected, `${name} ${JSON.stringify(variables)}`).toEqual(counted);
  }
});

test("fails when dev costs a dollar at rest, or 45 with NAT", () => {
  expect(floorOf("dev")).toBeLessThan(1);
  const withNat = floorOf("dev", { MIXDOWN_NAT: "single" });
  expect(withNat).toBeLessThanOrEqual(45);
  expect(withNat).toBeGreaterThan(36);
});

test("fails when prod's NAT gateways and key are not in its floor", () => {
  expect(floorOf("prod")).toBeGreaterThan(3 * 36.5 + 1);
});

test("fails when a bad value writes something, or exits with another code than 2", () => {
  const folder = makeFolder();
  for (const name of ["adapters", "config", "core", "stacks", "main.ts", "package.json", "cdktf.json"]) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const before = readdirSync(folder);
  const env = { ...process.env, MIXDOWN_ENV: "prod", MIXDOWN_NAT: "two" };
  const { status, stderr } = spawnSync(process.execPath, ["main.ts"], { cwd: folder, env, encoding: "utf8" });
  expect(stderr.trim()).toBe(
    'environments.prod.nat (MIXDOWN_NAT) must be one of none, single, per-zone (received "two"); correct or unset MIXDOWN_NAT.',
  );
  expect(status).toBe(2);
  expect(readdirSync(folder)).toEqual(before);

  makeBundles(join(folder, "dist", "functions"));
  const good = { ...process.env, MIXDOWN_ENV: "dev" };
  const made = spawnSync(process.execPath, ["main.ts"], { cwd: folder, env: good, encoding: "utf8" });
  expect(made.stdout).toMatch(/^dev costs \$0\.00 a month at rest/);
  expect(existsSync(join(folder, "cdktf.out", "stacks", "dev-storage", "cdk.tf.json"))).toBe(true);
});

test("fails when a missing bundle is a stack trace", () => {
  const folder = makeFolder();
  const environment = readEnvironment({});
  expect(() => createStacks({ environment, bundles: join(folder, "none"), outdir: join(folder, "out") })).toThrow(
    /^The bundle of functions\/invoker is missing: .*run `npm run build:functions`\.$/,
  );
});
