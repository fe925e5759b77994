import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  UpdateFunctionConfigurationCommand,
  waitUntilFunctionUpdatedV2,
} from "@aws-sdk/client-lambda";
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from "@aws-sdk/client-s3";
import { openBuckets } from "../../../adapters/aws/buckets.ts";
import { TerraformRun, type TerraformSetup } from "../terraform-fixture.ts";
import { EcsStandIn } from "./ecs-stand-in.ts";
import { LambdaStandIn } from "./lambda-stand-in.ts";
import { type ClientRig, createRigClient, type RigClient } from "./rig-client.ts";
import { buildBundles } from "./rig-functions.ts";
import { StoreFront } from "./store-front.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const environment = "test";
/** All that a job needs; what watches over it stays out. */
const parts = ["network", "storage", "registry", "jobs", "compute", "api"] as const;
/** Those that say where jobs run. */
const laneParts = ["registry", "jobs", "compute", "api"] as const;
/** An emulator that is asked ten things at once on a busy machine answers some too late, and is asked again. */
const applying = ["apply", "-auto-approve", "-no-color", "-parallelism=4"] as const;
const launchers = ["invoker", "reconciler"] as const;

/** The environment as Terraform made it, and what the emulator leaves out of it. */
export interface AppliedRig extends ClientRig {
  /** Of the HTTP API, under a name that every machine finds. */
  readonly apiUrl: string;
  readonly lambda: LambdaStandIn;
  /** Between the platform and its table. */
  readonly store: StoreFront;
  /** Calls a function and waits. @throws when it failed */
  call(name: string, event: unknown): Promise<unknown>;
  /** Dropped files become jobs, as Terraform arranged it; else each file of a message would have a second job. */
  hearDrops(heard: boolean): Promise<void>;
  /** Other settings, in place. */
  change(variables: NodeJS.ProcessEnv): Promise<void>;
}

/** Applies the environment with the functions as they are deployed, every name from Terraform's outputs. */
export async function openAppliedRig(
  setup: TerraformSetup,
  variables: NodeJS.ProcessEnv,
): Promise<RigClient<AppliedRig>> {
  // The clients of this process and of the workers read where AWS is from here.
  for (const [name, value] of Object.entries(setup.env)) if (/^AWS_/.test(name)) process.env[name] = value;
  const scratchDir = mkdtempSync(join(tmpdir(), "mixdown-rig-"));
  buildBundles();
  // A copy: who builds anew meanwhile does not change what is applied.
  cpSync(join(root, "dist", "functions"), join(scratchDir, "bundles"), { recursive: true });
  const run = new TerraformRun(environment, setup, join(scratchDir, "bundles"));
  const undo: (() => unknown)[] = [() => rmSync(scratchDir, { recursive: true, force: true }), () => run.remove()];
  const close = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    const rig = await makeRig(run, setup, variables, scratchDir, undo);
    return createRigClient({ ...rig, close }, scratchDir);
  } catch (fault) {
    await close();
    throw fault;
  }
}

async function makeRig(
  run: TerraformRun,
  setup: TerraformSetup,
  variables: NodeJS.ProcessEnv,
  scratchDir: string,
  undo: (() => unknown)[],
): Promise<Omit<AppliedRig, "close">> {
  run.synth(variables);
  for (const part of parts) {
    await expectOk(run, part, "init", "-no-color");
    undo.push(() => expectOk(run, part, "destroy", "-auto-approve", "-no-color"));
    await expectOk(run, part, ...applying);
  }
  const outputs: Record<string, string> = {};
  for (const part of parts) Object.assign(outputs, await run.outputs(part));
  const faults: unknown[] = [];
  const volumes = Object.fromEntries(["/scratch", "/tmp"].map((path) => [path, join(scratchDir, path)]));
  for (const folder of Object.values(volumes)) mkdirSync(folder, { recursive: true });
  const store = new StoreFront(String(setup.env.AWS_ENDPOINT_URL));
  const storeUrl = await store.listen();
  undo.push(() => store.close());
  const common = {
    env: { ...process.env, AWS_ENDPOINT_URL_DYNAMODB: storeUrl },
    volumes,
    onFault: (fault: unknown) => faults.push(fault),
  };
  const lambda = new LambdaStandIn({
    ...common,
    functionName: `mixdown-${environment}-worker`,
    onFailure: `mixdown-${environment}-task-state`,
    command: [process.execPath, join(root, "worker/lambda.ts")],
  });
  const lambdaUrl = await lambda.listen();
  undo.push(() => lambda.close());
  const ecs = new EcsStandIn({
    ...common,
    cluster: outputs.cluster_name ?? "",
    command: [process.execPath, join(root, "worker/main.ts")],
  });
  undo.push(() => ecs.close());
  const client = new LambdaClient({});
  undo.push(() => client.destroy());
  const lead = () => leadLaunchers(client, { AWS_ENDPOINT_URL_LAMBDA: lambdaUrl, AWS_ENDPOINT_URL_DYNAMODB: storeUrl });
  const Bucket = outputs.raw_bucket_name ?? "";
  const s3 = openBuckets({ raw: Bucket, derived: outputs.derived_bucket_name ?? "", forcePathStyle: true });
  const { LambdaFunctionConfigurations = [] } = await s3
    .client()
    .send(new GetBucketNotificationConfigurationCommand({ Bucket }));
  const hearDrops = async (heard: boolean): Promise<void> => {
    const NotificationConfiguration = heard ? { LambdaFunctionConfigurations } : {};
    await s3.client().send(new PutBucketNotificationConfigurationCommand({ Bucket, NotificationConfiguration }));
  };
  await lead();
  await hearDrops(false);
  const [apiId = ""] = new URL(outputs.api_url ?? "").hostname.split(".");
  return {
    apiUrl: `${setup.env.AWS_ENDPOINT_URL}/_aws/execute-api/${apiId}/$default`,
    hearDrops,
    lambda,
    store,
    ecs,
    faults,
    buckets: s3,
    table: outputs.table_name ?? "",
    queueUrl: outputs.queue_url ?? "",
    async call(name, event) {
      const Payload = Buffer.from(JSON.stringify(event));
      const answer = await client.send(new InvokeCommand({ FunctionName: `mixdown-${environment}-${name}`, Payload }));
      const said = Buffer.from(answer.Payload ?? []).toString();
      if (answer.FunctionError !== undefined) throw new Error(`${name} failed: ${said}`);
      return said === "" ? undefined : JSON.parse(said);
    },
    async change(changed) {
      run.synth({ ...variables, ...changed });
      for (const part of laneParts) await expectOk(run, part, ...applying);
      await lead();
      await hearDrops(false);
    },
  };
}

/** What stands between a launcher and AWS is the machine's matter, and no part of the stacks. */
async function leadLaunchers(client: LambdaClient, variables: Readonly<Record<string, string>>): Promise<void> {
  for (const name of launchers) {
    const FunctionName = `mixdown-${environment}-${name}`;
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName }));
    const Variables = { ...Environment?.Variables, ...variables };
    await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }));
    await waitUntilFunctionUpdatedV2({ client, maxWaitTime: 60, minDelay: 1 }, { FunctionName });
  }
}

async function expectOk(run: TerraformRun, part: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await run.terraform(part, ...args);
  if (code !== 0) throw new Error(`terraform ${args.join(" ")} in ${part}:\n${output.slice(-4_000)}`);
}
