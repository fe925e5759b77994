import {
  findBeside,
  type PlannedResource,
  type PolicyRule,
  readBlock,
  readBlocks,
  readFlag,
  readStatements,
  readText,
} from "./rule.ts";

const bucket = ["aws_s3_bucket"];
const fourWays = ["block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets"];

const isVersioned = (resource: PlannedResource, all: readonly PlannedResource[]): boolean => {
  const beside = findBeside(all, "aws_s3_bucket_versioning", "bucket", resource);
  return readText(beside && readBlock(beside.config, "versioning_configuration"), "status") === "Enabled";
};

export const bucketRules: readonly PolicyRule[] = [
  {
    name: "bucket-closed",
    types: bucket,
    findFault: (resource, all) => {
      const block = findBeside(all, "aws_s3_bucket_public_access_block", "bucket", resource);
      const open = fourWays.filter((way) => !readFlag(block?.config, way));
      return open.length === 0 ? undefined : `is not closed to the public (${open.join(", ")})`;
    },
    fix: "Make it with PrivateBucket, or give it an aws_s3_bucket_public_access_block with all four set.",
  },
  {
    name: "bucket-encrypted",
    types: bucket,
    findFault: (resource, all) => {
      const beside = findBeside(all, "aws_s3_bucket_server_side_encryption_configuration", "bucket", resource);
      const rule = beside && readBlock(beside.config, "rule");
      const algorithm = readText(rule && readBlock(rule, "apply_server_side_encryption_by_default"), "sse_algorithm");
      return algorithm === "aws:kms" ? undefined : "is not encrypted with a KMS key";
    },
    fix: "Make it with PrivateBucket, or give it an encryption configuration with aws:kms.",
  },
  {
    name: "bucket-tls-only",
    types: bucket,
    findFault: (resource, all) => {
      const beside = findBeside(all, "aws_s3_bucket_policy", "bucket", resource);
      const denied = readStatements(beside?.config.policy)?.some(
        ({ Effect, Condition }) => Effect === "Deny" && JSON.stringify(Condition ?? {}).includes("aws:SecureTransport"),
      );
      return denied === true ? undefined : "can be reached in the clear";
    },
    fix: "Make it with PrivateBucket, or give it the policy of buildTlsOnlyPolicy.",
  },
  {
    name: "bucket-ends",
    types: bucket,
    findFault: (resource, all) => {
      const beside = findBeside(all, "aws_s3_bucket_lifecycle_configuration", "bucket", resource);
      const rules = readBlocks(beside?.config ?? {}, "rule");
      if (!rules.some((rule) => readBlock(rule, "abort_incomplete_multipart_upload") !== undefined)) {
        return "keeps parts of uploads that nobody ends";
      }
      const ends = rules.some((rule) => readBlock(rule, "noncurrent_version_expiration") !== undefined);
      return isVersioned(resource, all) && !ends ? "keeps versions for ever" : undefined;
    },
    fix: "Make it with PrivateBucket, or give it a lifecycle that ends uploads and noncurrent versions.",
  },
];
