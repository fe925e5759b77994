import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readEnvironment } from "../../config/environments.ts";
import { createStacks, synthesize } from "../../stacks/index.ts";
import { makeBundles } from "../fixtures/empty-bundles.ts";
import { findFreePort } from "../fixtures/free-port.ts";
import { digest } from "../synth/synth-fixture.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));
const standin = fileURLToPath(new URL("../../../shared/standin/standin.sh", import.meta.url));

/** A Terraform that can plan, and an AWS that is none. */
export interface TerraformSetup {
  readonly env: NodeJS.ProcessEnv;
  /** What is said before anything runs. */
  readonly banner: string;
  readonly remove: () => Promise<void>;
}

/**
 * The environment that MIXDOWN_TF_SETUP prints; by default that of the stand-in beside the checkout. An emulator is
 * started only where AWS_ENDPOINT_URL names none. @returns a sentence where there is nothing to run on
 */
export async function setUpTerraform(): Promise<TerraformSetup | string> {
  const given = process.env;
  if (!has("terraform")) return "no terraform on PATH: install Terraform 1.11 or newer";
  const command = given.MIXDOWN_TF_SETUP ?? (existsSync(standin) ? `'${standin}' up --from .` : "");
  if (given.MIXDOWN_TF_SETUP === undefined && command !== "" && !has("go"))
    return "no go on PATH, by which the stand-in builds its provider: install Go";
  const env: NodeJS.ProcessEnv = {
    ...given,
    CHECKPOINT_DISABLE: "1",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    // Under load an emulator answers late, the SDK asks again, and what was made by the first call stands already.
    TF_CLI_ARGS_apply: "-parallelism=3",
    TF_CLI_ARGS_destroy: "-parallelism=3",
    NO_PROXY: "127.0.0.1,localhost",
    no_proxy: "127.0.0.1,localhost",
    ...(command === "" ? {} : await readLines("bash", ["-c", command], given)),
  };
  const isStandin = env.TF_CLI_CONFIG_FILE !== undefined;
  const provider = isStandin ? "a STAND-IN for the AWS provider" : "the TRUE AWS provider";
  if (env.AWS_ENDPOINT_URL) return describeSetup(provider, env, async () => {});
  if (!existsSync(standin))
    return "no AWS_ENDPOINT_URL, and no emulator beside the checkout; an account is never touched";
  const state = mkdtempSync(join(tmpdir(), "mixdown-terraform-emulator-"));
  const own = { ...given, STANDIN_RUN: state };
  const port = String(await findFreePort());
  Object.assign(env, await readLines(standin, ["emulators", "up", "--port", port], own));
  return describeSetup(provider, env, async () => {
    await run(standin, ["emulators", "down"], { env: own });
    rmSync(state, { recursive: true, force: true });
  });
}

const describeSetup = (provider: string, env: NodeJS.ProcessEnv, remove: () => Promise<void>): TerraformSetup => ({
  env,
  banner: `Terraform runs with ${provider}, on ${env.AWS_ENDPOINT_URL}.`,
  remove,
});

const has = (tool: string): boolean => {
  try {
    execFileSync(tool, ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

async function readLines(file: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
  const { stdout } = await run(file, [...args], { cwd: root, env, maxBuffer: 16 * 1024 ** 2 });
  return Object.fromEntries(
    [...stdout.matchAll(/([A-Z_a-z]+)=(?:'([^']*)'|(\S+))/g)].map(([, name = "", quoted, bare]) => [
      name,
      quoted ?? bare,
    ]),
  );
}

/** What an emulator needs of the true provider, written beside the stack: the product knows nothing of emulators. */
export const emulatorOverride = JSON.stringify({
  provider: {
    aws: [{ s3_use_path_style: true, skip_credentials_validation: true, skip_metadata_api_check: "true" }],
  },
});

/** Order in which `cdktn deploy` takes them: each after those whose outputs it reads. */
export const stackOrder = ["network", "storage", "registry", "jobs", "compute", "api", "observability"] as const;

export interface PlannedChange {
  readonly address: string;
  readonly change: { readonly actions: readonly string[] };
}

/** One environment's stacks in a folder of their own, with Terraform to run on them. */
export class TerraformRun {
  readonly folder = mkdtempSync(join(tmpdir(), "mixdown-terraform-"));
  readonly #environment: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #bundles: string;

  /** @param bundles folder of the functions' bundles; without it, bundles that do nothing */
  constructor(environment: string, setup: TerraformSetup, bundles?: string) {
    this.#environment = environment;
    this.#env = setup.env;
    this.#bundles = bundles ?? makeBundles(join(this.folder, "bundles"));
  }

  /** Writes all stacks; what Terraform has put beside them stays. */
  synth(variables: NodeJS.ProcessEnv = {}): void {
    const environment = readEnvironment({
      MIXDOWN_ENV: this.#environment,
      MIXDOWN_WORKER_DIGEST: digest,
      MIXDOWN_WORKER_LAMBDA_DIGEST: digest,
      MIXDOWN_WORKER_GPU_DIGEST: digest,
      ...variables,
    });
    const outdir = join(this.folder, "cdktf.out");
    synthesize(createStacks({ environment, bundles: this.#bundles, outdir }).app);
    for (const stack of stackOrder)
      writeFileSync(join(this.#place(stack), "emulator_override.tf.json"), emulatorOverride);
  }

  /** Rewrites one stack's JSON, as a change of its code would. */
  edit(stack: string, change: (text: string) => string): void {
    const path = join(this.#place(stack), "cdk.tf.json");
    const text = readFileSync(path, "utf8");
    const changed = change(text);
    if (changed === text) throw new Error(`nothing changed in ${stack}`);
    writeFileSync(path, changed);
  }

  /** @returns exit code and what was said; 0, or with `-detailed-exitcode` 2 where there are changes */
  async terraform(stack: string, ...args: readonly string[]): Promise<{ code: number; output: string }> {
    const options = { cwd: this.#place(stack), env: this.#env, maxBuffer: 64 * 1024 ** 2 };
    try {
      const { stdout, stderr } = await run("terraform", [...args], options);
      return { code: 0, output: stdout + stderr };
    } catch (thrown) {
      const { code, stdout = "", stderr = "" } = thrown as { code?: number; stdout?: string; stderr?: string };
      return { code: typeof code === "number" ? code : 1, output: stdout + stderr };
    }
  }

  /** What a plan would do, resource by resource; those that stay as they are left out. */
  async planChanges(stack: string): Promise<readonly PlannedChange[]> {
    const planned = await this.terraform(stack, "plan", "-no-color", "-out=plan.bin");
    if (planned.code !== 0) throw new Error(planned.output);
    const shown = await this.terraform(stack, "show", "-json", "plan.bin");
    const { resource_changes = [] } = JSON.parse(shown.output) as { resource_changes?: readonly PlannedChange[] };
    return resource_changes.filter(({ change }) => !["no-op", "read"].includes(change.actions.join()));
  }

  /** Of one stack that is applied, by name. */
  async outputs(stack: string): Promise<Readonly<Record<string, string>>> {
    const { code, output } = await this.terraform(stack, "output", "-json", "-no-color");
    if (code !== 0) throw new Error(output);
    const outputs = JSON.parse(output) as Readonly<Record<string, { readonly value: unknown }>>;
    return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, String(value)]));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #place(stack: string): string {
    return join(this.folder, "cdktf.out", "stacks", `${this.#environment}-${stack}`);
  }
}
