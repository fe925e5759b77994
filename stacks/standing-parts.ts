import { CloudwatchDashboard } from "@cdktn/provider-aws/lib/cloudwatch-dashboard/index.js";
import { CloudwatchMetricAlarm } from "@cdktn/provider-aws/lib/cloudwatch-metric-alarm/index.js";
import { KmsKey } from "@cdktn/provider-aws/lib/kms-key/index.js";
import { NatGateway } from "@cdktn/provider-aws/lib/nat-gateway/index.js";
import { VpcEndpoint } from "@cdktn/provider-aws/lib/vpc-endpoint/index.js";
import type { IConstruct } from "constructs";
import type { StandingParts } from "../core/cost.ts";

/** What of these stacks costs by the hour, counted in the stacks themselves: a part that is added is seen. */
export function countStandingParts(root: IConstruct): StandingParts {
  const all = root.node.findAll();
  const of = <T extends IConstruct>(kind: abstract new (...args: never[]) => T): readonly T[] =>
    all.filter((node): node is T => node instanceof kind);
  const interfaces = of(VpcEndpoint).filter((endpoint) => endpoint.vpcEndpointTypeInput === "Interface");
  return {
    natGateways: of(NatGateway).length,
    interfaceEndpointZones: interfaces.reduce((sum, endpoint) => sum + (endpoint.subnetIdsInput?.length ?? 0), 0),
    kmsKeys: of(KmsKey).length,
    // An alarm on a formula is paid by the metrics that it reads.
    alarms: of(CloudwatchMetricAlarm).reduce((sum, alarm) => sum + countMetrics(alarm), 0),
    dashboards: of(CloudwatchDashboard).length,
  };
}

function countMetrics(alarm: CloudwatchMetricAlarm): number {
  const queries = alarm.metricQueryInput;
  return Array.isArray(queries) ? queries.filter((query) => query.metric !== undefined).length : 1;
}
