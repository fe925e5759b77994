import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../config/environments.ts";
import { functionNames } from "../../config/function-names.ts";
import { MixdownError } from "../../core/errors.ts";
import { checkCredentials, checkNode, checkStateBucket } from "./checks.ts";
import type { Interrupt } from "./interrupt.ts";
import { checkPlace, type Place } from "./place.ts";
import { runTool } from "./run-tool.ts";
import { say } from "./say.ts";
import { findTerraform, Terraform } from "./terraform.ts";
import { checkout, type Workspace } from "./workspace.ts";

export interface Prepared {
  readonly environment: Environment;
  readonly terraform: Terraform;
  readonly place: Place;
}

/** What deploying and destroying need alike: Node, Terraform, credentials, the state's place. Nothing is changed. */
export async function prepare(workspace: Workspace, interrupt: Interrupt): Promise<Prepared> {
  const environment = workspace.readSettings();
  say(`Checks for ${environment.name}`);
  checkNode();
  const { binary, version } = await findTerraform(workspace.env, interrupt);
  say(`  ok  ${binary} ${version}`);
  const place = { account: await checkCredentials(environment), region: environment.region };
  await checkStateBucket(environment);
  checkPlace(workspace, environment.name, place);
  const terraform = new Terraform({
    binary,
    env: workspace.env,
    logDir: join(workspace.stateDir, "logs"),
    pluginDir: join(workspace.stateDir, "..", "plugins"),
    interrupt,
  });
  return { environment, terraform, place };
}

/** Bundles the functions; the same code gives the same archives. @throws MixdownError `platform_deploy_failed` */
export async function buildFunctions(workspace: Workspace, interrupt: Interrupt): Promise<void> {
  const args = [join(checkout, "scripts", "build-functions.ts")];
  const logFile = join(workspace.stateDir, "logs", "functions.log");
  const run = { command: process.execPath, args, cwd: checkout, env: workspace.env, interrupt, logFile };
  const { code, said } = await runTool(run);
  interrupt.check();
  if (code === 0) return say(`  ok  ${functionNames.length} functions bundled`);
  throw new MixdownError("platform_deploy_failed", {
    message: `The functions could not be bundled: run \`npm ci\`, then the same command again (all that was said: ${logFile}).`,
    stderrTail: said.slice(-4_000),
  });
}

/** For destroying, which needs some archive to name and not a new one. */
export async function ensureFunctions(workspace: Workspace, interrupt: Interrupt): Promise<void> {
  const isThere = (name: string): boolean => existsSync(join(checkout, "dist", "functions", name, "index.mjs"));
  if (!functionNames.every(isThere)) await buildFunctions(workspace, interrupt);
}
