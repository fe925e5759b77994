import { S3Bucket } from "@cdktn/provider-aws/lib/s3-bucket/index.js";
import { S3BucketAccelerateConfiguration } from "@cdktn/provider-aws/lib/s3-bucket-accelerate-configuration/index.js";
import { S3BucketCorsConfiguration } from "@cdktn/provider-aws/lib/s3-bucket-cors-configuration/index.js";
import {
  S3BucketLifecycleConfiguration,
  type S3BucketLifecycleConfigurationRule,
} from "@cdktn/provider-aws/lib/s3-bucket-lifecycle-configuration/index.js";
import { S3BucketOwnershipControls } from "@cdktn/provider-aws/lib/s3-bucket-ownership-controls/index.js";
import { S3BucketPolicy } from "@cdktn/provider-aws/lib/s3-bucket-policy/index.js";
import { S3BucketPublicAccessBlock } from "@cdktn/provider-aws/lib/s3-bucket-public-access-block/index.js";
import { S3BucketServerSideEncryptionConfigurationA } from "@cdktn/provider-aws/lib/s3-bucket-server-side-encryption-configuration/index.js";
import { S3BucketVersioningA } from "@cdktn/provider-aws/lib/s3-bucket-versioning/index.js";
import { Construct } from "constructs";
import { buildPolicy } from "./policy-document.ts";

/** A replaced or deleted object can be brought back for this long. */
const noncurrentDays = 7;

export interface PrivateBucketProps {
  readonly bucketName: string;
  /** KMS key; without it AWS's managed key of S3. */
  readonly keyArn: string | undefined;
  readonly versioned: boolean;
  /** Objects that end, by prefix (`""`: all of them). */
  readonly expirations: readonly { readonly id: string; readonly prefix: string; readonly days: number }[];
  /** What pages of these origins may do; without it nothing. */
  readonly cors?: { readonly origins: readonly string[]; readonly methods: readonly string[] };
  /** @default false */
  readonly accelerated?: boolean;
  /** Whether it may be destroyed while objects are in it. */
  readonly forceDestroy: boolean;
}

/** A bucket that is nobody's but the account's: no public access, TLS only, encrypted, with an end to everything. */
export class PrivateBucket extends Construct {
  readonly bucket: S3Bucket;

  constructor(scope: Construct, id: string, props: PrivateBucketProps) {
    super(scope, id);
    this.bucket = new S3Bucket(this, "bucket", { bucket: props.bucketName, forceDestroy: props.forceDestroy });
    const bucket = this.bucket.id;
    const closed = new S3BucketPublicAccessBlock(this, "closed", {
      bucket,
      blockPublicAcls: true,
      blockPublicPolicy: true,
      ignorePublicAcls: true,
      restrictPublicBuckets: true,
    });
    new S3BucketOwnershipControls(this, "owner", { bucket, rule: { objectOwnership: "BucketOwnerEnforced" } });
    new S3BucketPolicy(this, "policy", { bucket, policy: buildTlsOnlyPolicy(this.bucket.arn), dependsOn: [closed] });
    new S3BucketServerSideEncryptionConfigurationA(this, "encryption", {
      bucket,
      rule: [
        {
          applyServerSideEncryptionByDefault: {
            sseAlgorithm: "aws:kms",
            ...(props.keyArn === undefined ? {} : { kmsMasterKeyId: props.keyArn }),
          },
          // One key request a bucket and minute instead of one an object.
          bucketKeyEnabled: true,
        },
      ],
    });
    const versioning = new S3BucketVersioningA(this, "versioning", {
      bucket,
      versioningConfiguration: { status: props.versioned ? "Enabled" : "Suspended" },
    });
    new S3BucketLifecycleConfiguration(this, "lifecycle", {
      bucket,
      rule: buildLifecycleRules(props),
      dependsOn: [versioning],
    });
    if (props.cors !== undefined) {
      new S3BucketCorsConfiguration(this, "cors", {
        bucket,
        corsRule: [
          {
            allowedOrigins: [...props.cors.origins],
            allowedMethods: [...props.cors.methods],
            allowedHeaders: ["*"],
            // The parts of a multipart upload are completed by it.
            exposeHeaders: ["ETag"],
            maxAgeSeconds: 3_600,
          },
        ],
      });
    }
    if (props.accelerated === true) {
      new S3BucketAccelerateConfiguration(this, "acceleration", { bucket, status: "Enabled" });
    }
  }
}

export const buildTlsOnlyPolicy = (bucketArn: string): string =>
  buildPolicy([
    {
      sid: "TlsOnly",
      effect: "Deny",
      principals: "*",
      actions: ["s3:*"],
      resources: [bucketArn, `${bucketArn}/*`],
      conditions: { Bool: { "aws:SecureTransport": "false" } },
    },
  ]);

function buildLifecycleRules(props: PrivateBucketProps): S3BucketLifecycleConfigurationRule[] {
  return [
    ...props.expirations.map(({ id, prefix, days }) => ({
      id,
      status: "Enabled",
      filter: [{ prefix }],
      expiration: [{ days }],
    })),
    {
      id: "abandoned-uploads",
      status: "Enabled",
      filter: [{ prefix: "" }],
      abortIncompleteMultipartUpload: [{ daysAfterInitiation: 1 }],
    },
    // Where versions are kept, deleting frees nothing until these go too. Harmless where none are kept.
    {
      id: "old-versions",
      status: "Enabled",
      filter: [{ prefix: "" }],
      noncurrentVersionExpiration: [{ noncurrentDays }],
      // A rule's expiry by days removes the markers of its own deletions itself, and S3 refuses both.
      expiration: [{ expiredObjectDeleteMarker: true }],
    },
  ];
}
