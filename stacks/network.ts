import { DataAwsAvailabilityZones } from "@cdktn/provider-aws/lib/data-aws-availability-zones/index.js";
import { DefaultSecurityGroup } from "@cdktn/provider-aws/lib/default-security-group/index.js";
import { Eip } from "@cdktn/provider-aws/lib/eip/index.js";
import { InternetGateway } from "@cdktn/provider-aws/lib/internet-gateway/index.js";
import { NatGateway } from "@cdktn/provider-aws/lib/nat-gateway/index.js";
import { Route } from "@cdktn/provider-aws/lib/route/index.js";
import { RouteTable } from "@cdktn/provider-aws/lib/route-table/index.js";
import { RouteTableAssociation } from "@cdktn/provider-aws/lib/route-table-association/index.js";
import type { SecurityGroup } from "@cdktn/provider-aws/lib/security-group/index.js";
import { Subnet } from "@cdktn/provider-aws/lib/subnet/index.js";
import { Vpc } from "@cdktn/provider-aws/lib/vpc/index.js";
import { Fn, TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { createFlowLog } from "./constructs/flow-log.ts";
import { createTaskGroup } from "./constructs/task-group.ts";
import { createGatewayEndpoints, createInterfaceEndpoints } from "./constructs/vpc-endpoints.ts";

/** Sixteen /20 in a /16: a row of up to four for each kind of subnet. */
const rows = { public: 0, private: 4, isolated: 8 } as const;
const subnetBits = 4;
const anywhere = "0.0.0.0/0";

/** VPC, subnets and the ways out of it. */
export class NetworkStack extends EnvironmentStack {
  readonly vpc: Vpc;
  readonly publicSubnets: readonly Subnet[];
  /** Ways out through NAT, where there is one. */
  readonly privateSubnets: readonly Subnet[];
  /** No way out but the endpoints. */
  readonly isolatedSubnets: readonly Subnet[];
  /** Of the workers. */
  readonly taskGroup: SecurityGroup;
  /** One a NAT gateway; the alarm on their traffic. */
  readonly natGateways: readonly NatGateway[];

  constructor(scope: Construct, environment: Environment) {
    super(scope, "network", environment);
    const tags = { Name: this.nameOf("network") };
    this.vpc = new Vpc(this, "vpc", {
      cidrBlock: environment.cidr,
      enableDnsHostnames: true,
      enableDnsSupport: true,
      tags,
    });
    // Without rules nothing passes: whoever forgets to name a group has none.
    new DefaultSecurityGroup(this, "closed", { vpcId: this.vpc.id, tags: { Name: this.nameOf("closed") } });
    const zones = new DataAwsAvailabilityZones(this, "zones", {
      state: "available",
      filter: [{ name: "opt-in-status", values: ["opt-in-not-required"] }],
    });
    const subnetsOf = (kind: keyof typeof rows): readonly Subnet[] =>
      Array.from({ length: environment.zones }, (_, zone) => this.#createSubnet(kind, zone, zones));
    this.publicSubnets = subnetsOf("public");
    this.privateSubnets = subnetsOf("private");
    this.isolatedSubnets = subnetsOf("isolated");

    const internet = new InternetGateway(this, "internet", { vpcId: this.vpc.id, tags });
    const publicTable = this.#createTable("public", this.publicSubnets);
    new Route(this, "public-route", {
      routeTableId: publicTable.id,
      destinationCidrBlock: anywhere,
      gatewayId: internet.id,
    });
    this.natGateways = this.#createNatGateways(internet);
    const privateTables = this.privateSubnets.map((subnet, zone) => this.#createTable(`private-${zone}`, [subnet]));
    for (const [zone, table] of privateTables.entries()) {
      const gateway = this.natGateways[zone] ?? this.natGateways[0];
      if (gateway === undefined) continue;
      new Route(this, `private-route-${zone}`, {
        routeTableId: table.id,
        destinationCidrBlock: anywhere,
        natGatewayId: gateway.id,
      });
    }
    const isolatedTable = this.#createTable("isolated", this.isolatedSubnets);
    createGatewayEndpoints(this, this.vpc, [publicTable, ...privateTables, isolatedTable]);
    if (environment.interfaceEndpoints) createInterfaceEndpoints(this, this.vpc, this.privateSubnets);
    if (environment.flowLogs) createFlowLog(this, this.vpc);
    this.taskGroup = createTaskGroup(this, this.vpc);
    new TerraformOutput(this, "vpc_id", { value: this.vpc.id, staticId: true });
  }

  /** Where workers run. */
  get taskSubnets(): readonly Subnet[] {
    return this.tasksNeedAddress ? this.publicSubnets : this.privateSubnets;
  }

  /** Without NAT and endpoints a task reaches its image by an address of its own; nothing reaches the task. */
  get tasksNeedAddress(): boolean {
    return this.environment.nat === "none" && !this.environment.interfaceEndpoints;
  }

  #createSubnet(kind: keyof typeof rows, zone: number, zones: DataAwsAvailabilityZones): Subnet {
    return new Subnet(this, `${kind}-${zone}`, {
      vpcId: this.vpc.id,
      cidrBlock: Fn.cidrsubnet(this.environment.cidr, subnetBits, rows[kind] + zone),
      availabilityZone: Fn.element(zones.names, zone),
      // Tasks ask for an address themselves where they need one.
      mapPublicIpOnLaunch: false,
      tags: { Name: this.nameOf(`${kind}-${zone}`) },
      // A zone that AWS adds must not move subnets that are in use.
      lifecycle: { ignoreChanges: ["availability_zone"] },
    });
  }

  #createTable(id: string, subnets: readonly Subnet[]): RouteTable {
    const table = new RouteTable(this, `${id}-table`, { vpcId: this.vpc.id, tags: { Name: this.nameOf(id) } });
    for (const [index, subnet] of subnets.entries()) {
      new RouteTableAssociation(this, `${id}-association-${index}`, { routeTableId: table.id, subnetId: subnet.id });
    }
    return table;
  }

  #createNatGateways(internet: InternetGateway): readonly NatGateway[] {
    const { nat, zones } = this.environment;
    const count = { none: 0, single: 1, "per-zone": zones }[nat];
    return this.publicSubnets.slice(0, count).map((subnet, zone) => {
      const tags = { Name: this.nameOf(`nat-${zone}`) };
      const address = new Eip(this, `nat-address-${zone}`, { domain: "vpc", tags, dependsOn: [internet] });
      return new NatGateway(this, `nat-${zone}`, { allocationId: address.id, subnetId: subnet.id, tags });
    });
  }
}
