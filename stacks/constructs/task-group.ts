import { SecurityGroup } from "@cdktn/provider-aws/lib/security-group/index.js";
import type { Vpc } from "@cdktn/provider-aws/lib/vpc/index.js";
import { VpcSecurityGroupEgressRule } from "@cdktn/provider-aws/lib/vpc-security-group-egress-rule/index.js";
import type { EnvironmentStack } from "./environment-stack.ts";

/** Workers call AWS over TLS and are called by nobody. */
export function createTaskGroup(stack: EnvironmentStack, vpc: Vpc): SecurityGroup {
  const name = stack.nameOf("workers");
  const group = new SecurityGroup(stack, "workers", {
    name,
    description: "Workers: TLS to the outside, nothing from it",
    vpcId: vpc.id,
    tags: { Name: name },
  });
  new VpcSecurityGroupEgressRule(stack, "workers-tls", {
    securityGroupId: group.id,
    description: "TLS to AWS",
    cidrIpv4: "0.0.0.0/0",
    ipProtocol: "tcp",
    fromPort: 443,
    toPort: 443,
  });
  return group;
}
