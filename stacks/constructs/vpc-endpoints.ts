import type { RouteTable } from "@cdktn/provider-aws/lib/route-table/index.js";
import { SecurityGroup } from "@cdktn/provider-aws/lib/security-group/index.js";
import type { Subnet } from "@cdktn/provider-aws/lib/subnet/index.js";
import type { Vpc } from "@cdktn/provider-aws/lib/vpc/index.js";
import { VpcEndpoint } from "@cdktn/provider-aws/lib/vpc-endpoint/index.js";
import { VpcSecurityGroupIngressRule } from "@cdktn/provider-aws/lib/vpc-security-group-ingress-rule/index.js";
import { interfaceEndpointNames } from "../../config/interface-endpoint-names.ts";
import type { EnvironmentStack } from "./environment-stack.ts";

/** Files and table without a NAT gateway's price per byte; these cost nothing. */
export function createGatewayEndpoints(stack: EnvironmentStack, vpc: Vpc, tables: readonly RouteTable[]): void {
  for (const service of ["s3", "dynamodb"]) {
    new VpcEndpoint(stack, `${service}-endpoint`, {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${stack.environment.region}.${service}`,
      vpcEndpointType: "Gateway",
      routeTableIds: tables.map((table) => table.id),
      tags: { Name: stack.nameOf(service) },
    });
  }
}

/** What a task calls, reached without leaving the network. */
export function createInterfaceEndpoints(stack: EnvironmentStack, vpc: Vpc, subnets: readonly Subnet[]): void {
  const group = new SecurityGroup(stack, "endpoints", {
    name: stack.nameOf("endpoints"),
    description: "Interface endpoints: TLS from inside the network",
    vpcId: vpc.id,
    tags: { Name: stack.nameOf("endpoints") },
  });
  new VpcSecurityGroupIngressRule(stack, "endpoints-tls", {
    securityGroupId: group.id,
    description: "TLS from inside the network",
    cidrIpv4: vpc.cidrBlock,
    ipProtocol: "tcp",
    fromPort: 443,
    toPort: 443,
  });
  for (const service of interfaceEndpointNames) {
    new VpcEndpoint(stack, `${service.replaceAll(".", "-")}-endpoint`, {
      vpcId: vpc.id,
      serviceName: `com.amazonaws.${stack.environment.region}.${service}`,
      vpcEndpointType: "Interface",
      privateDnsEnabled: true,
      subnetIds: subnets.map((subnet) => subnet.id),
      securityGroupIds: [group.id],
      tags: { Name: stack.nameOf(service.replaceAll(".", "-")) },
    });
  }
}
