import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { listRemains } from "./account-remains.ts";
import { openEcrFront } from "./ecr-front.ts";
import { type OciRegistry, startOciRegistry } from "./oci-registry.ts";
import { EcsStandIn } from "./rig/ecs-stand-in.ts";
import { ScriptRun } from "./script-run.ts";
import { emulatorOverride, setUpTerraform, stackOrder, type TerraformSetup } from "./terraform-fixture.ts";

const workerEntry = fileURLToPath(new URL("../../worker/main.ts", import.meta.url));
const lifeMs = 1_800_000;
const setup = await setUpTerraform();

const dev = ["--env", "dev", "--plan-only"] as const;
/** Each by its exit code, before anything is written. */
const refusals: readonly (readonly [string, NodeJS.ProcessEnv, readonly string[], number, string])[] = [
  [
    "another account's credentials",
    { MIXDOWN_ACCOUNT: "123456789012" },
    dev,
    4,
    "may be deployed to 123456789012 alone",
  ],
  [
    "an AWS that does not answer",
    { AWS_ENDPOINT_URL: "http://127.0.0.1:9" },
    dev,
    5,
    "AWS does not answer in us-east-1",
  ],
  ["no Terraform", { TERRAFORM_BINARY_NAME: "no-terraform" }, dev, 5, "install Terraform 1.11 or newer"],
  [
    "a state's bucket that is not there",
    { MIXDOWN_STATE_BUCKET: "not-there" },
    dev,
    2,
    "make it as docs/remote-state.md",
  ],
  ["a region that is none", {}, [...dev, "--region", "mars"], 2, 'received "mars"'],
];

afterAll(async () => {
  if (typeof setup !== "string") await setup.remove();
});

if (typeof setup === "string") {
  process.stderr.write(`\nSKIPPED: deployments: ${setup}.\n\n`);
  // Skipped, and said so in the report: there is no Terraform, or no emulator that it could apply to.
  test.skip(setup, () => {});
} else {
  process.stderr.write(`\n${setup.banner}\n\n`);
  // Four minutes: with MIXDOWN_TEST_FULL=1 only.
  test.runIf(process.env.MIXDOWN_TEST_FULL === "1")(
    "fails when a deployment, interrupted and killed on its way, does not go on to a job that runs, and go again",
    {
      timeout: lifeMs,
    },
    async ({ skip }) => {
      const images = has("buildah") ? await startOciRegistry() : "no buildah on PATH";
      if (typeof images === "string") {
        process.stderr.write(`\nSKIPPED: the deployment's whole way: ${images}.\n\n`);
        return skip(images);
      }
      onTestFinished(images.close);
      await live(setup, images);
    },
  );
  test("fails when a plan alone changes anything, or guesses what stacks would read", { timeout: lifeMs }, () =>
    planOnly(setup),
  );
  test.each(refusals)("fails when a deployment goes on with %s", async (_what, variables, args, code, said) => {
    const folder = mkdtempSync(join(tmpdir(), "mixdown-refused-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const env = { ...setup.env, ...variables };
    const { stderr, ...ended } = await new ScriptRun("deploy.ts", args, { cwd: folder, env }).end();
    expect(stderr).toContain(said);
    expect(ended).toEqual({ code, stdout: "" });
    expect(existsSync(join(folder, "cdktf.out"))).toBe(false);
  });
}

function has(tool: string): boolean {
  try {
    execFileSync(tool, ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** A folder to deploy from, with the account of a rig; its images are empty ones. */
async function openPlace(on: TerraformSetup, images: OciRegistry | null) {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-deploy-"));
  const endpoint = String(on.env.AWS_ENDPOINT_URL);
  const front = images === null ? null : await openEcrFront(endpoint, images);
  const storage = join(folder, "storage.conf");
  writeFileSync(
    storage,
    `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/images"\nrunroot = "${folder}/containers"\n`,
  );
  const env: NodeJS.ProcessEnv = {
    ...on.env,
    ...(front === null ? {} : { AWS_ENDPOINT_URL_ECR: front.url }),
    CONTAINERS_STORAGE_CONF: storage,
    // Its image would have to run in the emulator.
    MIXDOWN_LAMBDA_LANE: "false",
  };
  if (front !== null) {
    const container = execFileSync("buildah", ["from", "scratch"], { env }).toString().trim();
    const name = "localhost/mixdown-worker:latest";
    execFileSync("buildah", ["commit", "--rm", container, name], { env, stdio: "ignore" });
  }
  for (const stack of stackOrder) {
    mkdirSync(join(folder, "cdktf.out", "stacks", `dev-${stack}`), { recursive: true });
    writeFileSync(join(folder, "cdktf.out", "stacks", `dev-${stack}`, "emulator_override.tf.json"), emulatorOverride);
  }
  // The workers' clients read where AWS is from here.
  for (const [name, value] of Object.entries(on.env)) if (/^AWS_/.test(name)) process.env[name] = value;
  const faults: unknown[] = [];
  const ecs = new EcsStandIn({
    cluster: "mixdown-dev-workers",
    command: [process.execPath, workerEntry],
    env: { ...process.env, MIXDOWN_SCRATCH: join(folder, "scratch") },
    onFault: (fault) => faults.push(fault),
  });
  const close = async () => {
    await ecs.close();
    await front?.close();
    rmSync(folder, { recursive: true, force: true });
  };
  const start = (script: string, ...args: readonly string[]) =>
    new ScriptRun(script, ["--env", "dev", ...args], { cwd: folder, env });
  return { folder, endpoint, start, faults, close };
}

async function live(on: TerraformSetup, images: OciRegistry): Promise<void> {
  const { folder, endpoint, start, faults, close } = await openPlace(on, images);
  let standing = true;
  onTestFinished(async () => {
    if (standing) await start("destroy.ts", "--yes").end();
    await close();
  }, lifeMs);
  const deploy = (...args: readonly string[]) => start("deploy.ts", "--builder", "buildah", "--use-built", ...args);

  const interrupted = deploy();
  await interrupted.until("ok  network:");
  interrupted.kill("SIGINT");
  const first = await interrupted.end();
  expect(first.stderr).toContain("the same command goes on from here");
  expect(first.code).toBe(130);
  const { workerDigest } = JSON.parse(readFileSync(join(folder, ".state/dev/images.json"), "utf8"));
  expect(workerDigest).toMatch(/^sha256:[0-9a-f]{64}$/);

  // Killed without a word while the next stack is under way; Terraform goes on without it.
  const killed = deploy();
  await killed.until("ok  storage:");
  killed.kill("SIGKILL");
  expect((await killed.end()).code).toBe(null);

  const whole = await deploy().end();
  expect(whole.code, whole.stderr).toBe(0);
  expect(whole.stderr).toContain(`worker: ${workerDigest} is there already`);
  expect(whole.stderr).toMatch(/ok {2}network: no changes/);
  expect(whole.stderr).toMatch(/ok {2}smoke-\S+: \d+ s, \d+ bytes as they were made, report -1[56]/);
  expect(whole.stdout).toMatch(/^MIXDOWN_URL=http/m);
  expect(whole.stdout).toMatch(/^MIXDOWN_QUEUE_URL=.*mixdown-dev-jobs\.fifo$/m);
  expect(faults).toEqual([]);

  const again = await deploy("--no-smoke").end();
  expect(again.code, again.stderr).toBe(0);
  expect(again.stderr.match(/no changes/g), again.stderr).toHaveLength(stackOrder.length);
  expect(again.stderr).not.toContain("pushing");

  const asked = await start("destroy.ts").end();
  expect(asked.stderr).toContain("does not ask");
  expect(asked.code).toBe(2);

  const stopped = start("destroy.ts", "--yes");
  await stopped.until("ok  api:");
  stopped.kill("SIGINT");
  expect((await stopped.end()).code).toBe(130);
  const destroyed = await start("destroy.ts", "--yes").end();
  expect(destroyed.code, destroyed.stderr).toBe(0);
  expect(destroyed.stderr).toContain("api: nothing there");
  standing = false;
  expect(await listRemains("dev", endpoint)).toEqual([]);
}

async function planOnly(on: TerraformSetup): Promise<void> {
  const { folder, endpoint, start, close } = await openPlace(on, null);
  onTestFinished(close, lifeMs);
  const { code, stdout, stderr } = await start("deploy.ts", "--plan-only").end();
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^storage: \d+ to create$/m);
  expect(stdout).toMatch(/^ {2}open to the internet: aws_route\./m);
  expect(stdout).toContain("jobs: not planned; it reads from what does not stand yet (storage, network)");
  expect(await listRemains("dev", endpoint)).toEqual([]);
  // Nothing that a later run could take for done, and no plan that somebody could apply.
  expect(readdirSync(join(folder, ".state", "dev"))).toEqual(["logs"]);
  expect(existsSync(join(folder, "cdktf.out", "stacks", "dev-storage", "deploy.tfplan"))).toBe(false);
  const nothing = await start("destroy.ts", "--plan-only").end();
  expect(nothing.code, nothing.stderr).toBe(0);
  expect(nothing.stdout.match(/: nothing there$/gm), nothing.stdout).toHaveLength(stackOrder.length);
}
