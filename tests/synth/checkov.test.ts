import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { type CheckovReport, findBoundable, prepareCheckov, runCheckov, writeForCheckov } from "./checkov.ts";
import { listAll, synth } from "./synth-fixture.ts";

const reason = await prepareCheckov();
if (reason !== null) process.stderr.write(`\nSKIPPED: ${reason}.\n\n`);

const text = readFileSync(".checkov.yaml", "utf8");
/** Ids as checkov reads them. */
const skipped = (parse(text) as { "skip-check": string[] })["skip-check"];
const explained = [...text.matchAll(/^ {2}- (CKV2?_AWS_\d+) # (\d{4}-\d\d-\d\d): (.{20,})$/gm)].map(
  ([, id = "", date = "", why = ""]) => ({ id, date, why }),
);
const framework = ["--framework", "terraform_json"];

/** What nobody should deploy, one of each kind that the stacks have. */
const bad = {
  resource: {
    aws_s3_bucket: { open: { bucket: "open" } },
    aws_s3_bucket_public_access_block: { open: { bucket: "open", block_public_acls: false } },
    aws_sqs_queue: { plain: { name: "plain", sqs_managed_sse_enabled: false } },
    aws_dynamodb_table: { plain: { name: "plain", hash_key: "pk", attribute: [{ name: "pk", type: "S" }] } },
    aws_security_group: {
      open: { name: "open", ingress: [{ from_port: 22, to_port: 22, protocol: "tcp", cidr_blocks: ["0.0.0.0/0"] }] },
    },
    aws_iam_role_policy: {
      all: {
        name: "all",
        role: "r",
        policy: JSON.stringify({
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }],
        }),
      },
    },
  },
};
const badChecks = ["CKV_AWS_53", "CKV_AWS_27", "CKV_AWS_28", "CKV_AWS_24", "CKV_AWS_62"];

test("fails when an exception has no reason or no date, or there are more than 15 of them", () => {
  expect(explained.map(({ id }) => id)).toEqual(skipped);
  expect(new Set(skipped).size).toBe(skipped.length);
  expect(skipped.length).toBeLessThanOrEqual(15);
});

test("fails when the day has come to look at an exception again", () => {
  const today = new Date().toISOString().slice(0, 10);
  expect(explained.filter(({ date }) => date <= today)).toEqual([]);
});

const folder = mkdtempSync(join(tmpdir(), "mixdown-checkov-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let ours: CheckovReport;
let everything: CheckovReport;

beforeAll(async () => {
  if (reason !== null) return;
  const own = join(folder, "own");
  for (const name of ["test", "prod"]) {
    for (const [stack, json] of Object.entries(synth(name))) {
      await writeForCheckov(own, `${name}-${stack}`, json as unknown as Record<string, unknown>);
    }
  }
  ours = await runCheckov(own, ["--config-file", resolve(".checkov.yaml")]);
  await writeForCheckov(folder, "bad", bad);
  everything = await runCheckov(folder, framework);
});

const isBad = ({ where }: { where: string }): boolean => where.startsWith("bad/");

test.skipIf(reason !== null)("fails when checkov finds something in test or prod that is no exception", () => {
  expect(ours.failed).toEqual([]);
  expect(ours.unread).toEqual([]);
});

test.skipIf(reason !== null)("fails when stacks are not read, or bad resources pass", () => {
  expect(ours.passed).toBeGreaterThan(500);
  const found = everything.failed.filter(isBad).map(({ check }) => check);
  expect(found).toEqual(expect.arrayContaining(badChecks));
});

test.skipIf(reason !== null)("fails when an exception outlives what it was made for", () => {
  const found = new Set(everything.failed.filter((finding) => !isBad(finding)).map(({ check }) => check));
  expect(skipped.filter((id) => !found.has(id))).toEqual([]);
});

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: string | readonly string[];
}

const identityPolicies = ["aws_iam_role_policy", "aws_iam_group_policy", "aws_iam_user_policy", "aws_iam_policy"];

/** Actions that a role or a group has on everything. */
function listUnbounded(name: string): readonly string[] {
  const policies = identityPolicies.flatMap((type) => listAll(synth(name), type));
  const statements = policies.flatMap(
    ({ policy }) => (JSON.parse(String(policy)) as { Statement: Statement[] }).Statement,
  );
  const wide = statements.filter(({ Effect, Resource }) => Effect === "Allow" && [Resource].flat().includes("*"));
  return [...new Set(wide.flatMap(({ Action }) => Action))].sort();
}

test.skipIf(reason !== null)("fails when a policy says * of an action that knows resources", async () => {
  const actions = [...new Set([...listUnbounded("test"), ...listUnbounded("prod")])];
  expect(actions).toContain("xray:PutTraceSegments");
  expect(await findBoundable([...actions, "sqs:SendMessage"])).toEqual(["sqs:SendMessage"]);
});
