import { DataAwsCallerIdentity } from "@cdktn/provider-aws/lib/data-aws-caller-identity/index.js";
import { DataAwsPartition } from "@cdktn/provider-aws/lib/data-aws-partition/index.js";
import { AwsProvider } from "@cdktn/provider-aws/lib/provider/index.js";
import { LocalBackend, S3Backend, TerraformStack } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../../config/environments.ts";

/** IAM's limit for names of roles; they carry the region, since IAM has none. */
const iamNameLength = 64;
const bucketNameLength = 63;

/** One stack of one environment: its provider, its state, its names and its tags. */
export class EnvironmentStack extends TerraformStack {
  readonly environment: Environment;
  /** What the stack holds, without its environment: `storage`. */
  readonly part: string;
  #identity: DataAwsCallerIdentity | undefined;
  #partition: DataAwsPartition | undefined;

  constructor(scope: Construct, part: string, environment: Environment) {
    // The environment stands in the id, so that each has its own folder: Terraform keeps the last backend there, and
    // would offer to move one environment's state into another's.
    super(scope, `${environment.name}-${part}`);
    this.environment = environment;
    this.part = part;
    new AwsProvider(this, "aws", {
      region: environment.region,
      defaultTags: [{ tags: this.tags }],
      ...(environment.account === "" ? {} : { allowedAccountIds: [environment.account] }),
    });
    this.#createBackend();
    // Write-only arguments, and the lock file of remote state.
    this.addOverride("terraform.required_version", ">= 1.11.0");
  }

  get tags(): Readonly<Record<string, string>> {
    const { name, ownerTag } = this.environment;
    return { project: "mixdown", environment: name, stack: this.part, owner: ownerTag };
  }

  /** The account's number: the configured one, else that of the credentials. */
  get accountId(): string {
    if (this.environment.account !== "") return this.environment.account;
    this.#identity ??= new DataAwsCallerIdentity(this, "identity");
    return this.#identity.accountId;
  }

  /** `aws`, or that of China or the government's regions. */
  get partition(): string {
    this.#partition ??= new DataAwsPartition(this, "partition");
    return this.#partition.partition;
  }

  /** `mixdown-<env>-<what>`: unique within a region of an account. */
  nameOf(what: string): string {
    return `mixdown-${this.environment.name}-${what}`;
  }

  /** For what IAM and other services without regions know. @throws Error when it is longer than 64 characters */
  globalNameOf(what: string): string {
    const name = `${this.nameOf(what)}-${this.environment.region}`;
    if (name.length > iamNameLength) {
      throw new Error(`${this.node.path}: the name ${name} has more than ${iamNameLength} characters; shorten it.`);
    }
    return name;
  }

  /** Names of buckets are one space for all of AWS. @throws Error when it is longer than 63 characters */
  bucketNameOf(what: string): string {
    const name = `${this.nameOf(what)}-${this.accountId}-${this.environment.region}`;
    const length = `${this.nameOf(what)}-000000000000-${this.environment.region}`.length;
    if (length > bucketNameLength)
      throw new Error(`${this.node.path}: a bucket's name of ${length} characters is too long.`);
    return name;
  }

  /** An ARN of this stack's own account and region, for what would otherwise name itself. */
  arnOf(service: string, resource: string): string {
    return `arn:${this.partition}:${service}:${this.environment.region}:${this.accountId}:${resource}`;
  }

  /** One file per environment and stack: the generator's default is one per stack for all environments. */
  #createBackend(): void {
    const { name, stateBucket, stateRegion, region } = this.environment;
    if (stateBucket === "") {
      // From the stack's folder under cdktf.out/stacks, where Terraform runs.
      new LocalBackend(this, { path: `../../../.state/${name}/${this.part}.tfstate` });
      return;
    }
    new S3Backend(this, {
      bucket: stateBucket,
      key: `mixdown/${name}/${this.part}.tfstate`,
      region: stateRegion === "" ? region : stateRegion,
      encrypt: true,
      useLockfile: true,
    });
  }
}
