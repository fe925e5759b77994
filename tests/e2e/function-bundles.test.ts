import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { functionNames } from "../../config/function-names.ts";
import { permissionsOf } from "../../config/permissions.ts";
import type { Permission } from "../../core/permission.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "dist/functions");
const told = (permission: Permission) => `${permission.action} on ${permission.resource}`;

/** What a function is told on AWS. */
const environment = {
  MIXDOWN_ENV: "test",
  MIXDOWN_TABLE: "table",
  MIXDOWN_RAW_BUCKET: "raw-bucket",
  MIXDOWN_DERIVED_BUCKET: "derived-bucket",
  MIXDOWN_QUEUE_URL: "https://sqs.us-east-1.amazonaws.com/123456789012/jobs.fifo",
  MIXDOWN_DEAD_LETTER_QUEUE_URL: "https://sqs.us-east-1.amazonaws.com/123456789012/dead.fifo",
  MIXDOWN_BUS: "bus",
  MIXDOWN_SSM_PREFIX: "/mixdown/test",
  MIXDOWN_CLUSTER: "cluster",
  MIXDOWN_TASK_DEFINITION: "worker",
  MIXDOWN_SUBNETS: "subnet-1",
  MIXDOWN_SCHEDULE_GROUP: "deliveries",
  MIXDOWN_SCHEDULE_TARGET: "arn:aws:lambda:us-east-1:123456789012:function:webhooks",
  MIXDOWN_SCHEDULE_ROLE: "arn:aws:iam::123456789012:role/deliveries",
};

/** The permissions that the AWS adapters in a bundle name beside their commands. */
async function permissionsIn(name: string): Promise<{ path: string; tables: Permission[] }[]> {
  const meta = JSON.parse(readFileSync(join(folder, `${name}.meta.json`), "utf8")) as {
    outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
  };
  const inputs = Object.values(meta.outputs).flatMap((output) => Object.entries(output.inputs));
  const adapters = inputs.filter(([path, { bytesInOutput }]) => path.startsWith("adapters/aws/") && bytesInOutput > 0);
  return Promise.all(
    adapters.map(async ([path]) => {
      const module = (await import(pathToFileURL(join(root, path)).href)) as Record<string, unknown>;
      const tables = Object.entries(module).filter(([exported]) => exported.endsWith("Permissions"));
      return { path, tables: tables.flatMap(([, table]) => table as Permission[]) };
    }),
  );
}

beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build-functions.ts")], { stdio: "pipe" });
}, 120_000);

describe.each(functionNames)("the bundle of %s", (name) => {
  test("fails when it does not load as the runtime loads it, or has no handler", () => {
    const url = pathToFileURL(join(folder, name, "index.mjs")).href;
    const script = `
      globalThis.awslambda = { streamifyResponse: (handler) => handler };
      const { handler } = await import(${JSON.stringify(url)});
      process.stdout.write(typeof handler);`;
    const env = { ...environment, PATH: process.env.PATH, AWS_REGION: "us-east-1" };
    const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { env }).toString();
    expect(said).toBe("function");
  });

  test("fails when it has no source map, or is larger than a cold start should read", () => {
    const bundle = join(folder, name, "index.mjs");
    expect(readFileSync(bundle, "utf8").slice(-60)).toContain("sourceMappingURL=index.mjs.map");
    expect(statSync(bundle).size).toBeLessThan(1_500_000);
  });

  test("fails when it carries an adapter of which its role may do nothing", async () => {
    const granted = new Set(permissionsOf(name).map(told));
    const idle = (await permissionsIn(name)).filter(
      ({ tables }) => tables.length > 0 && !tables.some((permission) => granted.has(told(permission))),
    );
    expect(idle.map(({ path }) => path)).toEqual([]);
  });

  test("fails when its role may do what none of its adapters does", async () => {
    const named = new Set((await permissionsIn(name)).flatMap(({ tables }) => tables.map(told)));
    expect(
      permissionsOf(name)
        .map(told)
        .filter((permission) => !named.has(permission)),
    ).toEqual([]);
  });
});
