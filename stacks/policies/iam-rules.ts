import { type PolicyRule, readStatements, readText } from "./rule.ts";

const policies = ["aws_iam_role_policy", "aws_iam_user_policy", "aws_iam_policy", "aws_iam_group_policy"];

/** Actions that know no resources: for these alone `*` is the only thing to write. From the service authorization reference. */
const withoutResources: ReadonlySet<string> = new Set([
  "ecr:GetAuthorizationToken",
  "ecs:DiscoverPollEndpoint",
  "logs:DescribeLogGroups",
  "xray:PutTelemetryRecords",
  "xray:PutTraceSegments",
]);

export const iamRules: readonly PolicyRule[] = [
  {
    name: "iam-no-wildcard-action",
    types: policies,
    findFault: ({ config }) => {
      const wide = readStatements(config.policy)
        ?.filter(({ Effect }) => Effect === "Allow")
        .flatMap(({ Action }) => Action)
        .find((action) => action.includes("*"));
      return wide === undefined ? undefined : `allows ${wide}`;
    },
    fix: "Name the actions; the adapters' tables do.",
  },
  {
    name: "iam-no-wildcard-resource",
    types: policies,
    findFault: ({ config }) => {
      const wide = readStatements(config.policy)
        ?.filter(({ Effect, Resource }) => Effect === "Allow" && Resource.includes("*"))
        .flatMap(({ Action }) => Action)
        .find((action) => !withoutResources.has(action));
      return wide === undefined ? undefined : `allows ${wide} on every resource, though it knows resources`;
    },
    fix: "Name the resource; where the action truly knows none, add it to withoutResources.",
  },
  {
    name: "iam-pass-role",
    types: policies,
    findFault: ({ config }) => {
      const passing = readStatements(config.policy)?.filter(({ Action }) => Action.includes("iam:PassRole")) ?? [];
      const bound = passing.every(({ Condition }) => JSON.stringify(Condition ?? {}).includes("iam:PassedToService"));
      return bound ? undefined : "passes roles to any service";
    },
    fix: 'Add the condition `iam:PassedToService`; the resources "task-roles" and "scheduler-role" bring it.',
  },
  {
    name: "iam-no-access-key",
    types: ["aws_iam_access_key"],
    findFault: () => "puts a secret into the state",
    fix: "Make the key by hand, or assume the role instead.",
  },
  {
    name: "iam-trust",
    types: ["aws_iam_role"],
    findFault: ({ config }) => {
      const anybody = readStatements(config.assume_role_policy)?.some(({ Principal }) =>
        ['"*"', '{"AWS":"*"}', '{"AWS":["*"]}'].includes(JSON.stringify(Principal)),
      );
      return anybody === true ? "can be assumed by anybody" : undefined;
    },
    fix: "Name the service or the account that assumes it.",
  },
  {
    name: "secret-not-in-state",
    types: ["aws_ssm_parameter"],
    findFault: ({ config }) =>
      readText(config, "type") === "SecureString" && (config.value !== undefined || config.insecure_value !== undefined)
        ? "puts its value into the state"
        : undefined,
    fix: "Use value_wo with value_wo_version (createGeneratedSecret does).",
  },
];
