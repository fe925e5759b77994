import { EcrLifecyclePolicy } from "@cdktn/provider-aws/lib/ecr-lifecycle-policy/index.js";
import { EcrRepository } from "@cdktn/provider-aws/lib/ecr-repository/index.js";
import { EcrRepositoryPolicy } from "@cdktn/provider-aws/lib/ecr-repository-policy/index.js";
import { TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { buildPolicy } from "./constructs/policy-document.ts";
import type { StorageStack } from "./storage.ts";

/** Tags of digests that were deployed begin with this; the deployment sets them. */
export const deployedPrefix = "deployed-";
const kept = 10;
/** ECR takes no rule without an end: more deployments than anybody makes. */
const keptDeployed = 1_000;

/** Where the worker's images lie. Deployed before everything that names one by its digest. */
export class RegistryStack extends EnvironmentStack {
  readonly worker: EcrRepository;
  /** The same code on Lambda; only with that lane. */
  readonly workerLambda: EcrRepository | undefined;
  /** Only with that lane. */
  readonly workerGpu: EcrRepository | undefined;
  readonly #keyArn: string | undefined;

  constructor(scope: Construct, environment: Environment, storage: StorageStack) {
    super(scope, "registry", environment);
    this.#keyArn = storage.key?.arn;
    this.worker = this.#createRepository("worker");
    this.workerLambda = environment.lambdaLane ? this.#createRepository("worker-lambda") : undefined;
    this.workerGpu = environment.gpu ? this.#createRepository("worker-gpu") : undefined;
    if (this.workerLambda !== undefined) this.#letLambdaPull(this.workerLambda);
  }

  #createRepository(what: string): EcrRepository {
    const repository = new EcrRepository(this, what, {
      name: this.nameOf(what),
      imageTagMutability: "IMMUTABLE",
      imageScanningConfiguration: { scanOnPush: true },
      encryptionConfiguration: [
        this.#keyArn === undefined ? { encryptionType: "AES256" } : { encryptionType: "KMS", kmsKey: this.#keyArn },
      ],
      forceDelete: !this.environment.deletionProtection,
    });
    new EcrLifecyclePolicy(this, `${what}-lifecycle`, { repository: repository.name, policy: buildLifecycle() });
    new TerraformOutput(this, `${what.replaceAll("-", "_")}_repository_url`, {
      value: repository.repositoryUrl,
      staticId: true,
    });
    return repository;
  }

  /** Lambda fetches the image in its own name, at each new version and whenever it has been idle for long. */
  #letLambdaPull(repository: EcrRepository): void {
    new EcrRepositoryPolicy(this, "worker-lambda-policy", {
      repository: repository.name,
      policy: buildPolicy([
        {
          sid: "Lambda",
          principals: { Service: "lambda.amazonaws.com" },
          actions: ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
          conditions: { StringLike: { "aws:SourceArn": this.arnOf("lambda", `function:${this.nameOf("worker")}`) } },
        },
      ]),
    });
  }
}

/**
 * An image that matches a rule is never touched by one of lower priority: what was deployed does not count among the last
 * ten (https://docs.aws.amazon.com/AmazonECR/latest/userguide/LifecyclePolicies.html).
 */
const buildLifecycle = (): string =>
  JSON.stringify({
    rules: [
      {
        rulePriority: 1,
        description: "Keep what was deployed",
        selection: {
          tagStatus: "tagged",
          tagPrefixList: [deployedPrefix],
          countType: "imageCountMoreThan",
          countNumber: keptDeployed,
        },
        action: { type: "expire" },
      },
      {
        rulePriority: 2,
        description: `Keep the last ${kept}`,
        selection: { tagStatus: "any", countType: "imageCountMoreThan", countNumber: kept },
        action: { type: "expire" },
      },
    ],
  });
