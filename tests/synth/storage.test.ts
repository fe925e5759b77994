import { expect, test } from "vitest";
import { find, listAll, ref, resourcesOf, synth } from "./synth-fixture.ts";

const environments = ["dev", "test", "prod"] as const;

test.each(environments)("fails when a bucket of %s is open, in the clear, or its objects are others'", (name) => {
  const { storage } = synth(name);
  const buckets = Object.keys(resourcesOf(storage, "aws_s3_bucket"));
  expect(buckets).toHaveLength(name === "test" ? 3 : 2);
  for (const id of ["raw", "derived"]) {
    expect(find(storage, "aws_s3_bucket_public_access_block", `${id}_closed`)).toMatchObject({
      block_public_acls: true,
      block_public_policy: true,
      ignore_public_acls: true,
      restrict_public_buckets: true,
    });
    expect(find(storage, "aws_s3_bucket_ownership_controls", `${id}_owner`)).toMatchObject({
      rule: { object_ownership: "BucketOwnerEnforced" },
    });
    const policy = JSON.parse(String(find(storage, "aws_s3_bucket_policy", `${id}_policy`).policy));
    expect(policy.Statement).toEqual([
      expect.objectContaining({
        Effect: "Deny",
        Principal: "*",
        Action: ["s3:*"],
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      }),
    ]);
    const encryption = find(storage, "aws_s3_bucket_server_side_encryption_configuration", `${id}_encryption`);
    expect(encryption).toMatchObject({
      rule: [
        {
          apply_server_side_encryption_by_default: {
            sse_algorithm: "aws:kms",
            ...(name === "dev" ? {} : { kms_master_key_id: ref("aws_kms_key.key.arn") }),
          },
        },
      ],
    });
  }
});

const rulesOf = (name: string, id: string, variables = {}) =>
  find(synth(name, variables).storage, "aws_s3_bucket_lifecycle_configuration", `${id}_lifecycle`).rule as {
    id: string;
    filter: [{ prefix: string }];
    expiration?: [{ days?: number }];
    noncurrent_version_expiration?: [{ noncurrent_days: number }];
    abort_incomplete_multipart_upload?: [{ days_after_initiation: number }];
  }[];

/** Days after which current objects under a prefix end; nothing where they are kept. */
const endOf = (name: string, id: string, prefix: string, variables = {}) =>
  rulesOf(name, id, variables).find(
    (rule) => rule.filter[0].prefix === prefix && rule.expiration?.[0].days !== undefined,
  )?.expiration?.[0].days;

test("fails when uploads, caches, outputs or transcripts live longer or shorter than they should", () => {
  expect(endOf("dev", "raw", "")).toBe(30);
  expect(endOf("dev", "derived", "cache/")).toBe(7);
  expect(endOf("dev", "derived", "outputs/")).toBe(30);
  expect(endOf("prod", "derived", "outputs/")).toBeUndefined();
  expect(endOf("prod", "derived", "outputs/", { MIXDOWN_OUTPUT_DAYS: "90" })).toBe(90);
  expect(endOf("test", "transcripts", "")).toBe(7);
});

test("fails when abandoned uploads stay, or noncurrent versions where versions are kept", () => {
  for (const name of environments) {
    for (const id of ["raw", "derived"]) {
      const rules = rulesOf(name, id);
      expect(rules.flatMap((rule) => rule.abort_incomplete_multipart_upload ?? [])).toEqual([
        { days_after_initiation: 1 },
      ]);
      expect(rules.flatMap((rule) => rule.noncurrent_version_expiration ?? [])).toHaveLength(1);
    }
  }
});

test("fails when versions are kept where config says no, or the other way round", () => {
  const status = (name: string, id: string) =>
    find(synth(name).storage, "aws_s3_bucket_versioning", `${id}_versioning`).versioning_configuration;
  expect(status("dev", "raw")).toEqual({ status: "Suspended" });
  expect(status("prod", "raw")).toEqual({ status: "Enabled" });
  expect(status("test", "transcripts")).toEqual({ status: "Enabled" });
});

test("fails when a page cannot read the ETag of the part that it put", () => {
  const origins = "https://app.example.org,https://two.example.org";
  const { storage } = synth("dev", { MIXDOWN_CORS_ORIGINS: origins });
  const rule = { allowed_origins: origins.split(","), expose_headers: ["ETag"] };
  const cors = find(storage, "aws_s3_bucket_cors_configuration", "raw_cors");
  expect(cors.cors_rule).toEqual([expect.objectContaining(rule)]);
  expect(cors.cors_rule).toEqual([expect.objectContaining({ allowed_methods: expect.arrayContaining(["PUT"]) })]);
  expect(find(synth("test").storage, "aws_s3_bucket_cors_configuration", "transcripts_cors")).toBeDefined();
});

test("fails when transcripts tell nobody, or transfer acceleration is on without its flag", () => {
  const { storage } = synth("test");
  expect(find(storage, "aws_s3_bucket_notification", "transcripts-events")).toMatchObject({ eventbridge: true });
  expect(listAll(synth("test"), "aws_s3_bucket_accelerate_configuration")).toHaveLength(1);
  expect(listAll(synth("prod"), "aws_s3_bucket_accelerate_configuration")).toHaveLength(0);
});

test("fails when the table is not the one that its adapters read", () => {
  const { table } = resourcesOf(synth("prod").storage, "aws_dynamodb_table");
  expect(table).toMatchObject({
    billing_mode: "PAY_PER_REQUEST",
    hash_key: "pk",
    range_key: "sk",
    ttl: { attribute_name: "ttl", enabled: true },
    point_in_time_recovery: { enabled: true },
    deletion_protection_enabled: true,
    server_side_encryption: { enabled: true, kms_key_arn: ref("aws_kms_key.key.arn") },
    stream_enabled: true,
    global_secondary_index: [
      expect.objectContaining({ name: "GSI1", hash_key: "GSI1PK", range_key: "GSI1SK" }),
      expect.objectContaining({ name: "GSI2", hash_key: "GSI2PK" }),
    ],
  });
  const dev = resourcesOf(synth("dev").storage, "aws_dynamodb_table").table;
  expect(dev?.deletion_protection_enabled).toBe(false);
});

test("fails when a secret would stand in the state", () => {
  for (const name of environments) {
    const parameters = listAll(synth(name), "aws_ssm_parameter");
    const secrets = parameters.filter(({ type }) => type === "SecureString");
    expect(secrets.map((parameter) => parameter.name)).toEqual([`/mixdown/${name}/cursor_key`]);
    for (const secret of secrets) {
      expect(secret).not.toHaveProperty("value");
      expect(secret).toMatchObject({ value_wo: expect.stringContaining("ephemeral."), value_wo_version: 1 });
    }
  }
});

test("fails when the environment's key never turns, or dev pays for one", () => {
  expect(resourcesOf(synth("prod").storage, "aws_kms_key").key).toMatchObject({ enable_key_rotation: true });
  expect(listAll(synth("dev"), "aws_kms_key")).toEqual([]);
});
