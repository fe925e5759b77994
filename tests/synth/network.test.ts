import { expect, test } from "vitest";
import { listAll, resourcesOf, synth } from "./synth-fixture.ts";

const environmentOf = (name: string, variables = {}) => {
  const invoker = listAll(synth(name, variables), "aws_lambda_function").find(
    ({ function_name }) => function_name === `mixdown-${name}-invoker`,
  );
  const environment = invoker?.environment as { variables: Record<string, string> } | undefined;
  return environment?.variables ?? {};
};

test("fails when an environment has another number of zones, or a zone without each kind of subnet", () => {
  for (const [name, zones] of [
    ["dev", 2],
    ["prod", 3],
  ] as const) {
    const subnets = Object.keys(resourcesOf(synth(name).network, "aws_subnet"));
    for (const kind of ["public", "private", "isolated"]) {
      expect(subnets.filter((id) => id.startsWith(kind))).toHaveLength(zones);
    }
  }
});

test("fails when files and table are reached by NAT, or through no free endpoint", () => {
  for (const name of ["dev", "test", "prod"]) {
    const { network } = synth(name);
    const tables = Object.keys(resourcesOf(network, "aws_route_table")).length;
    const gateways = listAll({ network: network as never }, "aws_vpc_endpoint").filter(
      ({ vpc_endpoint_type }) => vpc_endpoint_type === "Gateway",
    );
    expect(gateways.map(({ service_name }) => service_name).sort()).toEqual([
      "com.amazonaws.us-east-1.dynamodb",
      "com.amazonaws.us-east-1.s3",
    ]);
    for (const gateway of gateways) expect(gateway.route_table_ids).toHaveLength(tables);
  }
});

test("fails when NAT gateways are not as many as config says, or a private subnet has none to go through", () => {
  const count = (name: string, variables = {}) => listAll(synth(name, variables), "aws_nat_gateway").length;
  expect([count("dev"), count("dev", { MIXDOWN_NAT: "single" }), count("prod")]).toEqual([0, 1, 3]);
  const routes = Object.keys(resourcesOf(synth("prod").network, "aws_route"));
  expect(routes.filter((id) => id.startsWith("private-route"))).toHaveLength(3);
  expect(routes.filter((id) => id.startsWith("isolated"))).toEqual([]);
});

test("fails when inline routes come back, which Terraform refuses", () => {
  for (const table of listAll(synth("test"), "aws_route_table")) expect(table).not.toHaveProperty("route");
});

test("fails when a zone that AWS adds would move subnets", () => {
  for (const subnet of listAll(synth("dev"), "aws_subnet")) {
    expect(subnet).toMatchObject({
      lifecycle: { ignore_changes: ["availability_zone"] },
      map_public_ip_on_launch: false,
    });
  }
});

test("fails when tasks without NAT get no address, those with NAT get one, or anything reaches them", () => {
  expect(environmentOf("dev").MIXDOWN_ASSIGN_PUBLIC_IP).toBe("true");
  expect(environmentOf("dev").MIXDOWN_SUBNETS).toContain("public-0");
  expect(environmentOf("prod").MIXDOWN_ASSIGN_PUBLIC_IP).toBe("false");
  expect(environmentOf("prod").MIXDOWN_SUBNETS).toContain("private-0");
  expect(listAll(synth("dev"), "aws_vpc_security_group_ingress_rule")).toEqual([]);
  expect(listAll(synth("dev"), "aws_vpc_security_group_egress_rule")).toEqual([
    expect.objectContaining({ from_port: 443, to_port: 443, ip_protocol: "tcp" }),
  ]);
});

test("fails when the default group has a rule, or flow logs have no group or end", () => {
  const { network } = synth("prod");
  const closed = resourcesOf(network, "aws_default_security_group").closed;
  expect(closed).not.toHaveProperty("ingress");
  expect(closed).not.toHaveProperty("egress");
  expect(resourcesOf(network, "aws_flow_log")["flow-log"]).toMatchObject({ traffic_type: "ALL" });
  expect(resourcesOf(network, "aws_cloudwatch_log_group")["flow-log-group"]).toMatchObject({ retention_in_days: 14 });
  expect(listAll(synth("dev", { MIXDOWN_FLOW_LOGS: "false" }), "aws_flow_log")).toEqual([]);
});

test("fails when interface endpoints are paid for without their flag", () => {
  const interfaces = (name: string) =>
    listAll(synth(name), "aws_vpc_endpoint").filter(({ vpc_endpoint_type }) => vpc_endpoint_type === "Interface");
  expect(interfaces("prod")).toEqual([]);
  expect(interfaces("test").length).toBeGreaterThan(5);
});
