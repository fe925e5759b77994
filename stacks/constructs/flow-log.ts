import { FlowLog } from "@cdktn/provider-aws/lib/flow-log/index.js";
import { IamRole } from "@cdktn/provider-aws/lib/iam-role/index.js";
import { IamRolePolicy } from "@cdktn/provider-aws/lib/iam-role-policy/index.js";
import type { Vpc } from "@cdktn/provider-aws/lib/vpc/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";
import { createLogGroup } from "./log-group.ts";
import { buildPolicy, buildTrust } from "./policy-document.ts";

/** Who spoke to whom, in a log group of its own. */
export function createFlowLog(stack: EnvironmentStack, vpc: Vpc): FlowLog {
  const group = createLogGroup(stack, "flow-log-group", `/mixdown/${stack.environment.name}/network`);
  const role = new IamRole(stack, "flow-log-role", {
    name: stack.globalNameOf("flow-log"),
    assumeRolePolicy: buildTrust("vpc-flow-logs.amazonaws.com", stack.accountId),
  });
  const policy = new IamRolePolicy(stack, "flow-log-policy", {
    name: "write-logs",
    role: role.name,
    policy: buildPolicy([
      {
        actions: ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"],
        resources: [group.arn, `${group.arn}:*`],
      },
      { actions: ["logs:DescribeLogGroups"], resources: ["*"] },
    ]),
  });
  return new FlowLog(stack, "flow-log", {
    vpcId: vpc.id,
    trafficType: "ALL",
    logDestinationType: "cloud-watch-logs",
    logDestination: group.arn,
    iamRoleArn: role.arn,
    tags: { Name: stack.nameOf("network") },
    dependsOn: [policy],
  });
}
