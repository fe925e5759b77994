import { expect, onTestFinished, test, vi } from "vitest";
import { readEnvironment } from "../../../../config/environments.ts";
import { checkQuotas } from "../../../../scripts/deploy/quotas.ts";
import { type EndpointAnswer, startJsonEndpoint } from "../../../fixtures/json-endpoint.ts";

type Quotas = Readonly<Record<string, readonly (readonly [name: string, value: number])[]>>;

/** Lambda's and Service Quotas' answers in an account that has these quotas; what is said about them. */
async function check(settings: NodeJS.ProcessEnv, concurrency: number, quotas: Quotas): Promise<string> {
  const endpoint = await startJsonEndpoint(({ operation, body }): EndpointAnswer => {
    if (operation !== "ListServiceQuotas") {
      const AccountLimit = { ConcurrentExecutions: concurrency, UnreservedConcurrentExecutions: concurrency };
      return { status: 200, body: { AccountLimit } };
    }
    const found = quotas[String(body.ServiceCode)];
    if (found === undefined) return { status: 400, body: { __type: "AccessDeniedException", message: "no" } };
    // A page each: what is looked for may come late.
    const at = Number(body.NextToken ?? 0);
    const Quotas = found.slice(at, at + 1).map(([QuotaName, Value]) => ({ QuotaName, Value }));
    return { status: 200, body: { Quotas, ...(at + 1 < found.length ? { NextToken: String(at + 1) } : {}) } };
  });
  vi.stubEnv("AWS_ENDPOINT_URL", endpoint.url);
  vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
  let said = "";
  const spy = vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += text;
    return true;
  });
  onTestFinished(async () => {
    spy.mockRestore();
    vi.unstubAllEnvs();
    await endpoint.close();
  });
  await checkQuotas(readEnvironment({ MIXDOWN_ENV: "dev", ...settings }), false);
  return said;
}

const fargate = [
  ["Fargate Spot Sustained Launch Rate", 20],
  ["Fargate On-Demand vCPU resource count", 6],
  ["Fargate Spot vCPU resource count", 64],
] as const;

test("fails when a quota that is short, enough or unreadable is not told as that", async () => {
  const said = await check({}, 1_000, { fargate, vpc: [["VPCs per Region", 5]] });
  expect(said).toContain(
    '  !   "Fargate On-Demand vCPU resource count" is 6, and one task of size XL has 8; ask for more',
  );
  expect(said).toContain('  ok  "Fargate Spot vCPU resource count" is 64');
  expect(said).toContain('  ok  "VPCs per Region" is 5');
  expect(said).not.toContain("Elastic IPs");
  expect(await check({ MIXDOWN_NAT: "per-zone" }, 1_000, {})).toMatch(/\?.*"EC2-VPC Elastic IPs" could not be read/);
});

test("fails when a reservation that Lambda cannot give is noticed late", async () => {
  const lane = { MIXDOWN_LAMBDA_LANE: "true", MIXDOWN_LAMBDA_CONCURRENCY: "50" };
  await expect(check(lane, 100, { fargate })).rejects.toThrow(/MIXDOWN_LAMBDA_CONCURRENCY is 50.*reserve 0 more/);
  expect(await check(lane, 10_000, { fargate })).toContain("up to 10000 functions");
});
