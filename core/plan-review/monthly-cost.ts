import { hoursAMonth, prices as listed } from "../cost.ts";
import { isHidden, isRecord, itemsOf, readPath, type Shown } from "./shown-value.ts";

type Price = (value: Shown) => number;
const fixed =
  (usd: number): Price =>
  () =>
    usd;
const hourly = (usd: number): Price => fixed(usd * hoursAMonth);
const count = (value: Shown | undefined): number => Math.max(1, isHidden(value) ? 1 : itemsOf(value).length);
const numberAt = (value: Shown, path: string): number => {
  const at = readPath(value, path);
  return typeof at === "number" ? at : 0;
};

/**
 * What is paid for being there; use (requests, bytes, task hours) is not in it. What our own stacks hold is priced in
 * core/cost.ts, the rest here: list prices of the same region, from the services' pricing pages.
 */
const prices: Readonly<Record<string, Price>> = {
  // A private one has no public side and costs the same.
  aws_nat_gateway: hourly(listed.natGatewayHourUsd),
  // Every public IPv4 address costs, in use or idle.
  aws_eip: hourly(listed.publicAddressHourUsd),
  aws_vpc_endpoint: (value) =>
    readPath(value, "vpc_endpoint_type") === "Interface"
      ? count(readPath(value, "subnet_ids")) * listed.interfaceEndpointHourUsd * hoursAMonth
      : 0,
  aws_kms_key: fixed(listed.kmsKeyMonthUsd),
  aws_kms_external_key: fixed(listed.kmsKeyMonthUsd),
  aws_kms_replica_key: fixed(listed.kmsKeyMonthUsd),
  aws_secretsmanager_secret: fixed(0.4),
  // One on a formula is paid by the metrics that it reads.
  aws_cloudwatch_metric_alarm: (value) => {
    const read = itemsOf(readPath(value, "metric_query")).filter((one) => itemsOf(readPath(one, "metric")).length > 0);
    const period = numberAt(value, "period");
    return Math.max(1, read.length) * (period > 0 && period < 60 ? 0.3 : listed.alarmMonthUsd);
  },
  aws_cloudwatch_composite_alarm: fixed(0.5),
  aws_cloudwatch_dashboard: fixed(listed.dashboardMonthUsd),
  aws_route53_zone: fixed(0.5),
  aws_lb: hourly(0.0225),
  aws_alb: hourly(0.0225),
  aws_vpn_connection: hourly(0.05),
  aws_ec2_transit_gateway_vpc_attachment: hourly(0.05),
  aws_eks_cluster: hourly(0.1),
  aws_wafv2_web_acl: (value) => 5 + itemsOf(readPath(value, "rule")).length,
  aws_kinesis_stream: (value) => Math.max(1, numberAt(value, "shard_count")) * 0.015 * hoursAMonth,
  aws_dynamodb_table: (value) =>
    readPath(value, "billing_mode") === "PAY_PER_REQUEST"
      ? 0
      : (numberAt(value, "read_capacity") * 0.00013 + numberAt(value, "write_capacity") * 0.00065) * hoursAMonth,
};

/** Types that cost while they stand and whose price depends on more than a plan tells. */
const unpriced =
  /^aws_(instance|autoscaling_group|spot_instance_request|ec2_fleet|ebs_volume|db_instance|rds_cluster|rds_cluster_instance|docdb_cluster_instance|neptune_cluster_instance|elasticache_.*(cluster|group|cache)|memorydb_cluster|redshift_cluster|opensearch_domain|elasticsearch_domain|opensearchserverless_collection|msk_.*cluster|mq_broker|fsx_.*_file_system|efs_file_system|ecs_service|eks_node_group|lambda_provisioned_concurrency_config|sagemaker_(endpoint|notebook_instance)|emr_cluster|dms_replication_instance|directory_service_directory|workspaces_workspace|networkfirewall_firewall|globalaccelerator_accelerator|transfer_server|apprunner_service|media(live|package|connect)_.*)$/;

/** US dollars a month for a resource at rest; null for one whose price is not known here. Pure. */
export function estimateMonthlyUsd(type: string, value: Shown): number | null {
  if (!isRecord(value)) return 0;
  if (type === "aws_autoscaling_group" && isIdle(value)) return 0;
  if (Object.hasOwn(prices, type)) return prices[type]?.(value) ?? 0;
  return unpriced.test(type) ? null : 0;
}

/** A group that may go down to nothing and is not told to do more costs nothing at rest. */
const isIdle = (value: Shown): boolean => {
  const desired = readPath(value, "desired_capacity");
  return readPath(value, "min_size") === 0 && (typeof desired !== "number" || desired === 0);
};
