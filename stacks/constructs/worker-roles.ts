import type { CloudwatchLogGroup } from "@cdktn/provider-aws/lib/cloudwatch-log-group/index.js";
import type { EcrRepository } from "@cdktn/provider-aws/lib/ecr-repository/index.js";
import { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import { buildPolicy, buildTrust, type PolicyStatement } from "./policy-document.ts";

export interface RoleProps {
  readonly what: string;
  readonly description: string;
  readonly service: string;
  readonly statements: readonly PolicyStatement[];
  /** Whether the service says for which account it takes the role on. @default true */
  readonly namesAccount?: boolean;
}

/** A role with one policy, named after what it is for. */
export function createRole(stack: EnvironmentStack, props: RoleProps): { role: IamRole; policy: IamRolePolicy } {
  const role = new IamRole(stack, `${props.what}-role`, {
    name: stack.globalNameOf(props.what),
    description: `Mixdown ${stack.environment.name}: ${props.description}`,
    assumeRolePolicy: buildTrust(props.service, props.namesAccount === false ? undefined : stack.accountId),
  });
  const policy = new IamRolePolicy(stack, `${props.what}-policy`, {
    name: props.what,
    role: role.name,
    policy: buildPolicy(props.statements),
  });
  return { role, policy };
}

/** What ECS itself does before a container runs: fetch its image, open its log. */
export const createExecutionRole = (
  stack: EnvironmentStack,
  repositories: readonly EcrRepository[],
  logGroups: readonly CloudwatchLogGroup[],
): IamRole =>
  createRole(stack, {
    what: "execution",
    description: "starts workers' containers",
    service: "ecs-tasks.amazonaws.com",
    statements: [
      {
        sid: "Images",
        actions: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        resources: repositories.map((repository) => repository.arn),
      },
      // The token knows no resources.
      { sid: "Login", actions: ["ecr:GetAuthorizationToken"], resources: ["*"] },
      {
        sid: "Logs",
        actions: ["logs:CreateLogStream", "logs:PutLogEvents"],
        resources: logGroups.map((group) => `${group.arn}:*`),
      },
    ],
  }).role;
