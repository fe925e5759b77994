import { createInterface } from "node:readline/promises";
import { MixdownError } from "../../core/errors.ts";
import { imageNames } from "./image-names.ts";
import type { Interrupt } from "./interrupt.ts";
import type { DestroyOptions } from "./options.ts";
import { forgetPlace } from "./place.ts";
import { ensureFunctions, prepare } from "./prepare.ts";
import { say, withHeartbeat } from "./say.ts";
import { summarizePlan } from "./summarize-plan.ts";
import type { Terraform } from "./terraform.ts";
import type { Stack, Workspace } from "./workspace.ts";

/** Stands where no image is known: nothing that is destroyed is looked at for it. */
const anyDigest = `sha256:${"0".repeat(64)}`;

/**
 * Takes an environment down, the last stack first. What is gone already is passed over, so the same command goes on
 * wherever the one before ended.
 * @throws MixdownError of any family; `usage_invalid` while deletion protection is on, or nobody has agreed
 */
export async function runDestroy(
  workspace: Workspace,
  options: DestroyOptions,
  interrupt: Interrupt,
): Promise<string | undefined> {
  const { environment, terraform } = await prepare(workspace, interrupt);
  const { name } = environment;
  if (environment.deletionProtection) {
    throw new MixdownError("usage_invalid", {
      message: `${name} is protected against deletion; deploy it once with MIXDOWN_DELETION_PROTECTION=false, then destroy it with the same variable (docs/teardown.md).`,
    });
  }
  for (const { variable } of Object.values(imageNames)) workspace.env[variable] ||= anyDigest;
  await ensureFunctions(workspace, interrupt);
  const stacks = workspace.synthesize(workspace.readSettings()).toReversed();
  if (options.planOnly) return planDestroy(stacks, terraform);
  await askFirst(name, options, interrupt);
  say("Stacks");
  for (const stack of stacks) await destroyStack(stack, terraform);
  // A later deployment finds an empty registry, wherever it is.
  workspace.removeRecord("images.json");
  workspace.removeRecord("outputs.env");
  forgetPlace(workspace);
  say(`${name} is gone. What may stay for a while stands in docs/teardown.md.`);
  return undefined;
}

async function planDestroy(stacks: readonly Stack[], terraform: Terraform): Promise<string> {
  const lines: string[] = [];
  for (const stack of stacks) {
    if (!(await terraform.stands(stack))) {
      lines.push(`${stack.part}: nothing there`);
      continue;
    }
    const plan = await withHeartbeat(`planning ${stack.part}`, () =>
      terraform.plan(stack, { destroy: true, readOnly: true }),
    );
    terraform.forgetPlan(stack);
    const { counts, warnings } = summarizePlan(plan);
    lines.push([`${stack.part}: ${counts}`, ...warnings.map((warning) => `  ${warning}`)].join("\n"));
  }
  say("Nothing was changed.");
  return lines.join("\n");
}

async function destroyStack(stack: Stack, terraform: Terraform): Promise<void> {
  if (!(await terraform.stands(stack))) return say(`  ok  ${stack.part}: nothing there`);
  const started = performance.now();
  const { counts } = summarizePlan(
    await withHeartbeat(`planning ${stack.part}`, () => terraform.plan(stack, { destroy: true })),
  );
  await withHeartbeat(`destroying ${stack.part}`, () => terraform.apply(stack));
  say(`  ok  ${stack.part}: ${counts}; done in ${Math.round((performance.now() - started) / 1_000)} s`);
}

/** Asks for the environment's name where somebody can answer. */
async function askFirst(name: string, { yes }: DestroyOptions, { signal }: Interrupt): Promise<void> {
  if (yes) return;
  const refuse = (why: string): never => {
    throw new MixdownError("usage_invalid", {
      message: `${why}, so ${name} stays as it is; \`npm run destroy -- --env ${name} --yes\` does not ask.`,
    });
  };
  if (!process.stdin.isTTY) return refuse("Nobody is there to be asked");
  const reader = createInterface({ input: process.stdin, output: process.stderr });
  try {
    say(`Every upload, result, job, image and log of ${name} will be gone.`);
    if ((await reader.question(`Type ${name} to go on: `, { signal })).trim() !== name)
      refuse("The name was not typed");
  } finally {
    reader.close();
  }
}
