import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MixdownError } from "../../core/errors.ts";
import { type Plan, parsePlan } from "../../core/plan-review/plan.ts";
import { explainTerraform } from "./explain-terraform.ts";
import type { Interrupt } from "./interrupt.ts";
import { runTool, type ToolResult } from "./run-tool.ts";
import type { Stack } from "./workspace.ts";

export interface TerraformOptions {
  /** `terraform` or `tofu`. */
  readonly binary: string;
  readonly env: NodeJS.ProcessEnv;
  /** What Terraform says goes to a file a stack in here. */
  readonly logDir: string;
  /** Plugins that all stacks share. */
  readonly pluginDir: string;
  readonly interrupt: Interrupt;
}

const lockFile = ".terraform.lock.hcl";
const planFile = "deploy.tfplan";
/** Somebody else's run, or the end of one of ours that was killed. */
const lockTimeout = "-lock-timeout=120s";

/** Terraform on one environment's stacks. Every method can be repeated. */
export class Terraform {
  readonly #options: TerraformOptions;
  readonly #ready = new Set<string>();
  /** Checksums of the plugins, from the stack that was first: what it has fetched, the others take from the cache. */
  #lock: Buffer | undefined;

  constructor(options: TerraformOptions) {
    const { env, pluginDir } = options;
    mkdirSync(env.TF_PLUGIN_CACHE_DIR || pluginDir, { recursive: true });
    this.#options = {
      ...options,
      env: {
        ...env,
        CHECKPOINT_DISABLE: "1",
        TF_IN_AUTOMATION: "1",
        TF_INPUT: "0",
        TF_PLUGIN_CACHE_DIR: env.TF_PLUGIN_CACHE_DIR || pluginDir,
      },
    };
  }

  /** Plans and keeps the plan beside the stack. @returns what it would do */
  async plan(stack: Stack, how: { readonly destroy?: boolean; readonly readOnly?: boolean } = {}): Promise<Plan> {
    await this.#init(stack);
    const { destroy = false, readOnly = false } = how;
    await this.#expect(stack, `plan ${stack.part}`, [
      "plan",
      "-input=false",
      "-no-color",
      `-out=${planFile}`,
      ...(destroy ? ["-destroy"] : []),
      // Whoever may only read takes no lock.
      ...(readOnly ? ["-lock=false"] : [lockTimeout]),
    ]);
    const shown = await this.#expect(stack, `read its plan of ${stack.part}`, ["show", "-json", planFile], false);
    return parsePlan(shown.stdout, join(stack.folder, planFile), stack.part);
  }

  /** Applies the plan that was kept, and nothing else. */
  async apply(stack: Stack): Promise<void> {
    try {
      await this.#expect(stack, `apply ${stack.part}`, ["apply", "-input=false", "-no-color", lockTimeout, planFile]);
    } finally {
      this.forgetPlan(stack);
    }
  }

  forgetPlan(stack: Stack): void {
    rmSync(join(stack.folder, planFile), { force: true });
  }

  /** By name. Empty before the first apply. */
  async outputs(stack: Stack): Promise<Readonly<Record<string, string>>> {
    await this.#init(stack);
    const args = ["output", "-json", "-no-color"];
    const { stdout } = await this.#expect(stack, `read the outputs of ${stack.part}`, args, false);
    const outputs = JSON.parse(stdout) as Readonly<Record<string, { readonly value: unknown }>>;
    return Object.fromEntries(Object.entries(outputs).map(([name, { value }]) => [name, String(value)]));
  }

  /** Whether the state holds anything that was made: what is only read stays in no account. */
  async stands(stack: Stack): Promise<boolean> {
    await this.#init(stack);
    const { code, stdout, said } = await this.#run(stack, ["state", "list"], false);
    if (code === 0) return stdout.split("\n").some((line) => line !== "" && !/(^|\.)data\./.test(line));
    if (said.includes("No state file was found")) return false;
    throw this.#explain(stack, `read the state of ${stack.part}`, said);
  }

  async #init(stack: Stack): Promise<void> {
    if (this.#ready.has(stack.part)) return;
    const path = join(stack.folder, lockFile);
    const args = ["init", "-input=false", "-no-color"];
    if (this.#lock !== undefined) writeFileSync(path, this.#lock);
    let result = await this.#run(stack, args, true);
    if (result.code !== 0 && existsSync(path) && /lock file|locked provider|checksums/i.test(result.said)) {
      // Of an earlier version of the provider. It is generated, like the rest of the folder.
      rmSync(path);
      result = await this.#run(stack, args, true);
    }
    this.#options.interrupt.check();
    if (result.code !== 0) throw this.#explain(stack, `initialize ${stack.part}`, result.said);
    this.#ready.add(stack.part);
    if (existsSync(path)) this.#lock = readFileSync(path);
  }

  async #expect(stack: Stack, what: string, args: readonly string[], logged = true): Promise<ToolResult> {
    const result = await this.#run(stack, args, logged);
    this.#options.interrupt.check();
    if (result.code !== 0) throw this.#explain(stack, what, result.said);
    return result;
  }

  #run(stack: Stack, args: readonly string[], logged: boolean): Promise<ToolResult> {
    const { binary, env, interrupt } = this.#options;
    interrupt.check();
    const log = logged ? { logFile: this.#logFile(stack) } : {};
    return runTool({ command: binary, args, cwd: stack.folder, env, interrupt, ...log });
  }

  #explain(stack: Stack, what: string, said: string): MixdownError {
    const { binary } = this.#options;
    return explainTerraform({ binary, what, said, folder: stack.folder, logFile: this.#logFile(stack) });
  }

  #logFile = (stack: Stack): string => join(this.#options.logDir, `${stack.part}.log`);
}

/** Write-only arguments, and the lock file of remote state. */
const needed = [1, 11] as const;

/**
 * Finds what is to be run: `TERRAFORM_BINARY_NAME` (as the generator's own CLI reads it), else `terraform`, else `tofu`.
 * @throws MixdownError `platform_tool_missing`
 */
export async function findTerraform(
  env: NodeJS.ProcessEnv,
  interrupt: Interrupt,
): Promise<{ readonly binary: string; readonly version: string }> {
  const names = env.TERRAFORM_BINARY_NAME ? [env.TERRAFORM_BINARY_NAME] : ["terraform", "tofu"];
  const install = "install Terraform 1.11 or newer, or OpenTofu 1.11 or newer";
  for (const binary of names) {
    const run = { command: binary, args: ["version", "-json"], cwd: process.cwd(), env, interrupt };
    const result = await runTool(run).catch(() => undefined);
    interrupt.check();
    if (result === undefined || result.code !== 0) continue;
    const { terraform_version: version } = JSON.parse(result.stdout) as { terraform_version: string };
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major > needed[0] || (major === needed[0] && minor >= needed[1])) return { binary, version };
    throw new MixdownError("platform_tool_missing", {
      message: `${binary} is ${version}, and secrets that never stand in state need 1.11; ${install}.`,
    });
  }
  throw new MixdownError("platform_tool_missing", {
    message: `Neither ${names.join(" nor ")} can be run; ${install}.`,
  });
}
