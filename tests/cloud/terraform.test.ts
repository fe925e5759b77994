import { afterAll, expect, onTestFinished, test } from "vitest";
import { listRemains } from "./account-remains.ts";
import {
  type TerraformRun as Run,
  setUpTerraform,
  stackOrder,
  TerraformRun,
  type TerraformSetup,
} from "./terraform-fixture.ts";

const setup = await setUpTerraform();
/** Sixty runs of Terraform: four minutes on an idle machine. */
const lifeMs = 1_800_000;
const isFull = process.env.MIXDOWN_TEST_FULL === "1";
/** In short the smallest; `test`, which has every part, is applied by the rig as well. */
const environments = isFull ? ["dev", "test", "prod"] : ["dev"];

afterAll(async () => {
  if (typeof setup !== "string") await setup.remove();
});

if (typeof setup === "string") {
  process.stderr.write(`\nSKIPPED: Terraform on the stacks: ${setup}.\n\n`);
  // Skipped, and said so in the report: there is no Terraform, or no emulator that it could apply to.
  test.skip(setup, () => {});
} else {
  process.stderr.write(`\n${setup.banner}\n\n`);
  // Each tries the whole life of one environment: what comes later stands on what came before.
  test.each(environments)("fails when %s cannot live its whole life under Terraform", { timeout: lifeMs }, (name) =>
    live(name, setup),
  );
  test.runIf(isFull)("fails when a plan without an image passes, or does not say what to do", { timeout: lifeMs }, () =>
    refuseWithoutImage(setup),
  );
}

/** What prod guards itself against must go before it can be destroyed. */
const unguarded = { MIXDOWN_DELETION_PROTECTION: "false" };

async function live(name: string, on: TerraformSetup): Promise<void> {
  const run = new TerraformRun(name, on);
  let standing = true;
  onTestFinished(async () => {
    if (standing) await destroy(run);
    run.remove();
  }, lifeMs);
  run.synth(unguarded);
  for (const stack of stackOrder) await bringUp(run, stack);
  // The second plan, after all: nothing that a later stack did may look like drift in an earlier one.
  for (const stack of stackOrder) await expectNoChange(run, stack);

  run.synth({ ...unguarded, MIXDOWN_QUEUE_CONCURRENCY: "9" });
  expect(await changesOf(run, "jobs")).toEqual(["aws_lambda_event_source_mapping.queue-mapping update"]);
  await expectOk(run, "jobs", "apply", "-auto-approve", "-no-color");
  await expectNoChange(run, "jobs");

  run.edit("storage", (text) => text.replaceAll(`"name": "mixdown-${name}-jobs"`, `"name": "mixdown-${name}-renamed"`));
  expect(await changesOf(run, "storage")).toContain("aws_dynamodb_table.table delete,create");

  run.synth(unguarded);
  await destroy(run);
  standing = false;
  expect(await listRemains(name, String(on.env.AWS_ENDPOINT_URL))).toEqual([]);
}

async function bringUp(run: Run, stack: string): Promise<void> {
  await expectOk(run, stack, "init", "-no-color");
  await expectOk(run, stack, "validate", "-no-color");
  await expectOk(run, stack, "plan", "-no-color", "-out=plan.bin");
  await expectOk(run, stack, "apply", "-no-color", "plan.bin");
}

async function expectOk(run: Run, stack: string, ...args: readonly string[]): Promise<void> {
  const { code, output } = await run.terraform(stack, ...args);
  expect(code, `terraform ${args.join(" ")} in ${stack}:\n${output.slice(-4_000)}`).toBe(0);
}

async function expectNoChange(run: Run, stack: string): Promise<void> {
  const { code, output } = await run.terraform(stack, "plan", "-detailed-exitcode", "-no-color");
  expect(code, `a second plan of ${stack} has changes:\n${output.slice(-4_000)}`).toBe(0);
}

const changesOf = async (run: Run, stack: string): Promise<readonly string[]> =>
  (await run.planChanges(stack)).map(({ address, change }) => `${address} ${change.actions.join()}`);

/** The last first; twice is as good as once. */
async function destroy(run: Run): Promise<void> {
  for (const stack of stackOrder.toReversed()) {
    await expectOk(run, stack, "destroy", "-auto-approve", "-no-color");
    const { output } = await run.terraform(stack, "state", "list");
    // What is only read stays in no account.
    const left = output.split("\n").filter((line) => line !== "" && !line.startsWith("data."));
    expect(left, stack).toEqual([]);
  }
}

async function refuseWithoutImage(on: TerraformSetup): Promise<void> {
  const run = new TerraformRun("stage", on);
  onTestFinished(async () => {
    run.synth();
    await destroyWhatIs(run);
    run.remove();
  }, lifeMs);
  run.synth({ MIXDOWN_WORKER_DIGEST: "" });
  const needed = ["network", "storage", "registry", "jobs"];
  for (const stack of needed) {
    await expectOk(run, stack, "init", "-no-color");
    await expectOk(run, stack, "apply", "-auto-approve", "-no-color");
  }
  await expectOk(run, "compute", "init", "-no-color");
  const { code, output } = await run.terraform("compute", "plan", "-no-color");
  expect(code).toBe(1);
  // Terraform breaks its lines where it likes.
  expect(output.replaceAll(/[│\s]+/g, " ")).toContain(
    "run `npm run deploy -- --env stage`, which builds and pushes it.",
  );
}

async function destroyWhatIs(run: Run): Promise<void> {
  for (const stack of ["jobs", "registry", "storage", "network"]) {
    await expectOk(run, stack, "destroy", "-auto-approve", "-no-color");
  }
}
