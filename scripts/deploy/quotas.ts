import { GetAccountSettingsCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { paginateListServiceQuotas, ServiceQuotasClient } from "@aws-sdk/client-service-quotas";
import type { Environment } from "../../config/environments.ts";
import { listStandingParts } from "../../config/standing-parts.ts";
import { MixdownError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { say } from "./say.ts";

/**
 * Quotas of the account, as far as calls tell them; the rest is named, so that nobody takes it for checked.
 * @param standing whether the environment is there already, with its reservations
 * @throws MixdownError `usage_invalid` when Lambda cannot reserve what the settings ask for
 */
export async function checkQuotas(environment: Environment, standing: boolean): Promise<void> {
  await checkConcurrency(environment, standing);
  await checkServiceQuotas(environment);
}

/** What Lambda keeps back from reservations. */
const unreservedFloor = 100;

async function checkConcurrency(environment: Environment, standing: boolean): Promise<void> {
  const { lambdaConcurrency, lambdaLane, region } = environment;
  const client = new LambdaClient({ region, maxAttempts: 2 });
  const limit = await client
    .send(new GetAccountSettingsCommand({}))
    .then(({ AccountLimit }) => AccountLimit)
    .catch(() => undefined)
    .finally(() => client.destroy());
  const total = limit?.ConcurrentExecutions;
  if (total === undefined) say("  ?   Lambda's concurrency could not be read");
  else say(`  ok  Lambda runs up to ${total} functions at once here`);
  if (total !== undefined && total < unreservedFloor) {
    say(`  !   that is a new account's quota: under load, invokers and API share ${total}; ask for 1,000`);
  }
  const free = (limit?.UnreservedConcurrentExecutions ?? Number.POSITIVE_INFINITY) - unreservedFloor;
  // What stands has its reservation already.
  if (lambdaLane && !standing && lambdaConcurrency > free) {
    throw new MixdownError("usage_invalid", {
      message: `MIXDOWN_LAMBDA_CONCURRENCY is ${lambdaConcurrency}, and Lambda can reserve ${Math.max(0, free)} more in ${region}; lower it, or raise the quota "Concurrent executions".`,
    });
  }
}

interface WantedQuota {
  /** Of Service Quotas. */
  readonly service: string;
  /** As AWS names it in the console, where it is raised. */
  readonly name: string;
  /** What the environment takes of it at least. */
  readonly needed: number;
  readonly why: string;
}

/** The largest task takes this; a new account has 6 vCPUs, which is less. */
const largestTaskCpus = limits.taskSizes.XL.cpu / 1_024;

function listWanted(environment: Environment): readonly WantedQuota[] {
  const cpus = { needed: largestTaskCpus, why: `one task of size XL has ${largestTaskCpus}` };
  const { natGateways: gateways } = listStandingParts(environment);
  const addresses = { needed: gateways, why: `gateways have ${gateways}` };
  const gpuCpus = { needed: 4, why: "the smallest GPU instance has 4" };
  return [
    { service: "fargate", name: "Fargate On-Demand vCPU resource count", ...cpus },
    { service: "fargate", name: "Fargate Spot vCPU resource count", ...cpus },
    { service: "vpc", name: "VPCs per Region", needed: 1, why: "the environment has one, beside those that are there" },
    ...(gateways === 0 ? [] : [{ service: "ec2", name: "EC2-VPC Elastic IPs", ...addresses }]),
    ...(environment.gpu ? [{ service: "ec2", name: "Running On-Demand G and VT instances", ...gpuCpus }] : []),
  ];
}

/** Says what each is. Less than needed is no fault: jobs of other sizes run, and waiting for a raise takes days. */
async function checkServiceQuotas(environment: Environment): Promise<void> {
  const wanted = listWanted(environment);
  const client = new ServiceQuotasClient({ region: environment.region, maxAttempts: 2 });
  try {
    for (const service of new Set(wanted.map((one) => one.service))) {
      const names = wanted.filter((one) => one.service === service);
      const found = await readQuotas(client, service).catch(() => new Map<string, number>());
      for (const quota of names) say(describeQuota(quota, found.get(quota.name)));
    }
  } finally {
    client.destroy();
  }
}

function describeQuota({ name, needed, why }: WantedQuota, value: number | undefined): string {
  if (value === undefined) return `  ?   "${name}" could not be read: not checked`;
  if (value < needed) return `  !   "${name}" is ${value}, and ${why}; ask for more in Service Quotas`;
  return `  ok  "${name}" is ${value}`;
}

async function readQuotas(client: ServiceQuotasClient, ServiceCode: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { Quotas = [] } of paginateListServiceQuotas({ client }, { ServiceCode })) {
    for (const { QuotaName, Value } of Quotas) {
      if (QuotaName !== undefined && Value !== undefined) found.set(QuotaName, Value);
    }
  }
  return found;
}
