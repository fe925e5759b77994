import { expect, test } from "vitest";
import { buildMonthlyFloor, formatMonthlyFloor, sumMonthly } from "../../../core/cost.ts";

const nothing = { natGateways: 0, interfaceEndpointZones: 0, kmsKeys: 0, alarms: 0, dashboards: 0 };

test("fails when nothing costs something", () => {
  expect(buildMonthlyFloor(nothing)).toEqual([]);
});

test("fails when a NAT gateway is sold without its address: 730 h of 0.045 and 0.005 USD", () => {
  expect(sumMonthly(buildMonthlyFloor({ ...nothing, natGateways: 1 }))).toBeCloseTo(36.5, 6);
});

test("fails when an interface endpoint costs the same in two zones as in one", () => {
  expect(sumMonthly(buildMonthlyFloor({ ...nothing, interfaceEndpointZones: 16 }))).toBeCloseTo(116.8, 6);
});

test("fails when the floor is printed without its region and date", () => {
  const text = formatMonthlyFloor("prod", buildMonthlyFloor({ ...nothing, kmsKeys: 1, alarms: 3 }));
  expect(text.split("\n")).toEqual([
    expect.stringMatching(/^prod costs \$1\.30 a month at rest \(list prices of us-east-1, \d{4}-\d\d-\d\d; /),
    "     $1.00  1 KMS keys",
    "     $0.30  3 alarm metrics",
  ]);
});
