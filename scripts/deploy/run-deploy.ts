import { join } from "node:path";
import { MixdownError } from "../../core/errors.ts";
import { type Builder, checkMachine, findBuilder } from "./builder.ts";
import { formatFrontEndLines } from "./front-end-lines.ts";
import { imageNames, listNeededImages } from "./image-names.ts";
import { provideImages } from "./images.ts";
import type { Interrupt } from "./interrupt.ts";
import type { DeployOptions } from "./options.ts";
import { recordPlace } from "./place.ts";
import { planOnly } from "./plan-only.ts";
import { buildFunctions, type Prepared, prepare } from "./prepare.ts";
import { checkQuotas } from "./quotas.ts";
import { say, withHeartbeat } from "./say.ts";
import { runSmokeJob } from "./smoke-job.ts";
import { openApiWay, openQueueWay } from "./smoke-ways.ts";
import { summarizePlan } from "./summarize-plan.ts";
import { closureOf, type Stack, type Workspace } from "./workspace.ts";

/**
 * Brings an environment up, or to what the code says. No step keeps a journal: each asks Terraform's state, the registry or
 * the account what is there, and so the same command goes on wherever the one before ended.
 * @returns lines for a front end
 * @throws MixdownError of any family
 */
export async function runDeploy(workspace: Workspace, options: DeployOptions, interrupt: Interrupt): Promise<string> {
  const prepared = await prepare(workspace, interrupt);
  const { environment, terraform, place } = prepared;
  const builder = await checkBuilder(prepared, workspace, options, interrupt);
  await checkQuotas(environment, workspace.readRecord("place.json") !== undefined);
  say("Functions");
  await buildFunctions(workspace, interrupt);
  const stacks = workspace.synthesize(environment);
  if (options.planOnly) return planOnly(stacks, terraform);
  recordPlace(workspace, place);

  const first = closureOf(stacks, "registry");
  say("Registry");
  for (const stack of first) await deployStack(stack, prepared, options);
  say("Images");
  const registry = first.at(-1);
  const outputs = registry === undefined ? {} : await terraform.outputs(registry);
  const { useBuilt, rebuild } = options;
  await provideImages({ workspace, environment, outputs, builder, useBuilt, rebuild });

  say("Stacks");
  // With the digests that were just recorded.
  const complete = workspace.synthesize(workspace.readSettings());
  const done = new Set(first.map(({ part }) => part));
  for (const stack of complete) if (!done.has(stack.part)) await deployStack(stack, prepared, options);

  const all: Record<string, string> = {};
  for (const stack of complete) Object.assign(all, await terraform.outputs(stack));
  say("Smoke job");
  if (options.smoke) {
    const key = workspace.env.MIXDOWN_KEY;
    const way = key ? openApiWay(all.api_url ?? "", key) : openQueueWay(all, environment);
    await runSmokeJob(way, workspace.env, interrupt);
  } else say("  !   SKIPPED by --no-smoke: nothing has shown that jobs run");
  const lines = formatFrontEndLines(environment.region, all);
  say(`For a front end (also in ${workspace.writeRecord("outputs.env", `${lines}\n`)})`);
  return lines;
}

/** Before anything is made: images that cannot be built here would be noticed late. */
async function checkBuilder(
  { environment }: Prepared,
  workspace: Workspace,
  options: DeployOptions,
  interrupt: Interrupt,
): Promise<() => Promise<Builder>> {
  const missing = listNeededImages(environment).filter((name) => !workspace.env[imageNames[name].variable]);
  let found: Promise<Builder> | undefined;
  const find = () => {
    const logFile = join(workspace.stateDir, "logs", "images.log");
    found ??= findBuilder(options.builder, { env: workspace.env, logFile, interrupt });
    return found;
  };
  if (missing.length === 0) say("  !   no builder is needed: variables name every image");
  else if (options.planOnly) say("  ok  plans need no builder of images");
  else {
    if (!options.useBuilt) checkMachine(environment);
    say(`  ok  ${(await find()).name} builds images`);
  }
  return find;
}

/** Plans, looks at the plan, applies that plan. */
async function deployStack(
  stack: Stack,
  { terraform }: Prepared,
  { acceptLosses }: Pick<DeployOptions, "acceptLosses">,
): Promise<void> {
  const started = performance.now();
  const { isEmpty, counts, warnings, losses } = summarizePlan(
    await withHeartbeat(`planning ${stack.part}`, () => terraform.plan(stack)),
  );
  for (const warning of warnings) say(`  !   ${stack.part}: ${warning}`);
  if (losses.length > 0 && !acceptLosses) {
    terraform.forgetPlan(stack);
    throw new MixdownError("usage_invalid", {
      message: `${stack.part} would lose what ${losses.join(", ")} ${losses.length === 1 ? "holds" : "hold"}, so nothing of it was applied; correct the change, or accept that with --accept-losses.`,
    });
  }
  if (isEmpty) {
    terraform.forgetPlan(stack);
    return say(`  ok  ${stack.part}: no changes`);
  }
  await withHeartbeat(`applying ${stack.part}`, () => terraform.apply(stack));
  say(`  ok  ${stack.part}: ${counts}; applied in ${Math.round((performance.now() - started) / 1_000)} s`);
}
