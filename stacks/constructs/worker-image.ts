import type { EcrRepository } from "@cdktn/provider-aws/lib/ecr-repository/index.js";
import { TerraformLocal, type TerraformResourceLifecycle } from "cdktn";
import type { EnvironmentStack } from "./environment-stack.ts";

/** Stands where no image was pushed yet; whatever has it never gets past its plan. */
const absent = `sha256:${"0".repeat(64)}`;

export interface WorkerImage {
  /** By digest: a tag could mean something else tomorrow. */
  readonly uri: string;
  /** Fails the plan, in one sentence, while there is no image. */
  readonly lifecycle: TerraformResourceLifecycle;
}

/** @param digest of the pushed image, or empty */
export function createWorkerImage(
  stack: EnvironmentStack,
  repository: EcrRepository,
  digest: string,
  variable: string,
): WorkerImage {
  const { name } = stack.environment;
  // Terraform takes no condition that refers to nothing.
  const recorded = new TerraformLocal(stack, variable.toLowerCase(), digest);
  return {
    uri: `${repository.repositoryUrl}@${digest === "" ? absent : digest}`,
    lifecycle: {
      precondition: [
        {
          condition: `\${length(${recorded.fqn}) > 0}`,
          errorMessage: `No image has been pushed for ${name} (${variable} is not set and .state/${name}/images.json names none): run \`npm run deploy -- --env ${name}\`, which builds and pushes it.`,
        },
      ],
    },
  };
}
