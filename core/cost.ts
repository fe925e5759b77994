/** List prices, without free tiers, discounts and taxes. */
export const prices = {
  region: "us-east-1",
  /** When they were last compared with what is published. */
  asOf: "2026-02-24",
  natGatewayHourUsd: 0.045,
  natGatewayGbUsd: 0.045,
  publicAddressHourUsd: 0.005,
  /** Each endpoint in each zone. */
  interfaceEndpointHourUsd: 0.01,
  kmsKeyMonthUsd: 1,
  alarmMonthUsd: 0.1,
  dashboardMonthUsd: 3,
} as const;

/** AWS counts 730 hours as a month. */
export const hoursAMonth = 730;

/** What stands in an environment when nothing happens in it. */
export interface StandingParts {
  readonly natGateways: number;
  /** Endpoints times zones. */
  readonly interfaceEndpointZones: number;
  readonly kmsKeys: number;
  readonly alarms: number;
  readonly dashboards: number;
}

export interface CostRow {
  readonly what: string;
  readonly count: number;
  readonly monthUsd: number;
}

/** What a month costs at rest, part by part; parts that are not there are left out. USD, unrounded. */
export function buildMonthlyFloor(parts: StandingParts): readonly CostRow[] {
  const row = (what: string, count: number, eachUsd: number): CostRow => ({ what, count, monthUsd: count * eachUsd });
  return [
    row("NAT gateways", parts.natGateways, prices.natGatewayHourUsd * hoursAMonth),
    row("their public addresses", parts.natGateways, prices.publicAddressHourUsd * hoursAMonth),
    row("interface endpoints, by zone", parts.interfaceEndpointZones, prices.interfaceEndpointHourUsd * hoursAMonth),
    row("KMS keys", parts.kmsKeys, prices.kmsKeyMonthUsd),
    row("alarm metrics", parts.alarms, prices.alarmMonthUsd),
    row("dashboards", parts.dashboards, prices.dashboardMonthUsd),
  ].filter(({ count }) => count > 0);
}

/** USD. */
export const sumMonthly = (rows: readonly CostRow[]): number => rows.reduce((sum, row) => sum + row.monthUsd, 0);

/** As it is printed: one line a part, and the sum. */
export function formatMonthlyFloor(environment: string, rows: readonly CostRow[]): string {
  const dollars = (usd: number) => `$${usd.toFixed(2)}`;
  return [
    `${environment} costs ${dollars(sumMonthly(rows))} a month at rest (list prices of ${prices.region}, ${prices.asOf}; use comes on top)`,
    ...rows.map(({ what, count, monthUsd }) => `  ${dollars(monthUsd).padStart(8)}  ${count} ${what}`),
  ].join("\n");
}
