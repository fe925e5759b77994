import type { DynamodbTable } from "@cdktn/provider-aws/lib/dynamodb-table/index.js";
import type { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import type { S3Bucket } from "@cdktn/provider-aws/lib/s3-bucket/index.js";
import { S3BucketNotification } from "@cdktn/provider-aws/lib/s3-bucket-notification/index.js";
import { SsmParameter } from "@cdktn/provider-aws/lib/ssm-parameter/index.js";
import { TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import { createEnvironmentKey } from "./constructs/environment-key.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { createGeneratedSecret } from "./constructs/generated-secret.ts";
import type { Bindings } from "./constructs/grants.ts";
import { createJobTable } from "./constructs/job-table.ts";
import { PrivateBucket, type PrivateBucketProps } from "./constructs/private-bucket.ts";

const rawDays = 30;
const cacheDays = 7;
const transcriptDays = 7;

/** What is kept: files, jobs, keys. Nothing in here runs. */
export class StorageStack extends EnvironmentStack {
  /** Of the environment; without one, AWS's managed keys encrypt. */
  readonly key: KmsKey | undefined;
  readonly raw: S3Bucket;
  readonly derived: S3Bucket;
  /** Only with `insight`. */
  readonly transcripts: S3Bucket | undefined;
  readonly table: DynamodbTable;
  /** Path of the environment's parameters, without a slash at its end. */
  readonly parameterPath: string;

  constructor(scope: Construct, environment: Environment) {
    super(scope, "storage", environment);
    this.key = environment.ownKey ? createEnvironmentKey(this) : undefined;
    const origins = environment.corsOrigins;
    this.raw = this.#createBucket("raw", {
      expirations: [{ id: "uploads", prefix: "", days: rawDays }],
      cors: { origins, methods: ["GET", "HEAD", "PUT", "POST"] },
      accelerated: environment.transferAcceleration,
    });
    this.derived = this.#createBucket("derived", {
      expirations: [
        { id: "cache", prefix: "cache/", days: cacheDays },
        ...(environment.outputDays === 0 ? [] : [{ id: "outputs", prefix: "outputs/", days: environment.outputDays }]),
      ],
      cors: { origins, methods: ["GET", "HEAD"] },
    });
    this.transcripts = environment.insight ? this.#createTranscripts(origins) : undefined;
    this.table = createJobTable(this, "table", {
      name: this.nameOf("jobs"),
      keyArn: this.key?.arn,
      deletionProtection: environment.deletionProtection,
    });
    this.parameterPath = `/mixdown/${environment.name}`;
    createGeneratedSecret(this, "cursor-key", {
      name: `${this.parameterPath}/cursor_key`,
      description: "Encrypts the cursors of lists",
      keyArn: this.key?.arn,
      version: 1,
    });
    this.#tell("raw_bucket", this.raw.bucket);
    this.#tell("derived_bucket", this.derived.bucket);
    this.#tell("table", this.table.name);
    if (this.transcripts !== undefined) this.#tell("transcripts_bucket", this.transcripts.bucket);
  }

  #createBucket(
    what: string,
    props: Pick<PrivateBucketProps, "expirations" | "cors" | "accelerated"> & { readonly versioned?: boolean },
  ): S3Bucket {
    return new PrivateBucket(this, what, {
      bucketName: this.bucketNameOf(what),
      keyArn: this.key?.arn,
      versioned: this.environment.versioning,
      forceDestroy: !this.environment.deletionProtection,
      ...props,
    }).bucket;
  }

  #createTranscripts(origins: readonly string[]): S3Bucket {
    const bucket = this.#createBucket("transcripts", {
      expirations: [{ id: "transcripts", prefix: "", days: transcriptDays }],
      cors: { origins, methods: ["GET", "HEAD", "PUT"] },
      versioned: true,
    });
    new S3BucketNotification(this, "transcripts-events", { bucket: bucket.id, eventbridge: true });
    return bucket;
  }

  /** As an output for whoever deploys, and as a parameter for whoever runs beside us. */
  #tell(what: string, value: string): void {
    new TerraformOutput(this, `${what}_name`, { value, staticId: true });
    new SsmParameter(this, `${what}-parameter`, { name: `${this.parameterPath}/${what}`, type: "String", value });
  }
}

/** What storage's resources mean to a stack that grants permissions on them. */
export const bindStorage = (storage: StorageStack, stack: EnvironmentStack): Bindings => ({
  table: [storage.table.arn, `${storage.table.arn}/index/*`],
  raw: [`${storage.raw.arn}/*`],
  "raw-bucket": [storage.raw.arn],
  derived: [`${storage.derived.arn}/*`],
  "derived-bucket": [storage.derived.arn],
  ...(storage.transcripts === undefined
    ? {}
    : { transcripts: [`${storage.transcripts.arn}/*`], "transcripts-bucket": [storage.transcripts.arn] }),
  "table-stream": [storage.table.streamArn],
  parameters: [stack.arnOf("ssm", `parameter${storage.parameterPath}/*`)],
});
