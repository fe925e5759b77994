import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Writes tests/fixtures/plans/own-*.json: plans of our own stacks, the first deployment and a change of settings. Needs
 * `npm run build:functions`, and a provider hashicorp/aws that makes no calls (`TF_CLI_CONFIG_FILE`).
 *
 *     npx node scripts/make-own-plan-fixtures.ts
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const plans = join(root, "tests/fixtures/plans");
const credentials = { AWS_ACCESS_KEY_ID: "none", AWS_SECRET_ACCESS_KEY: "none" };
const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const first = { MIXDOWN_WORKER_DIGEST: digestOf("a"), MIXDOWN_WORKER_LAMBDA_DIGEST: digestOf("b") };
const second = { ...first, MIXDOWN_WORKER_DIGEST: digestOf("c"), MIXDOWN_NAT: "single", MIXDOWN_OUTPUT_DAYS: "7" };

// Both below one folder: the state lies beside them, and is the same for both.
const folder = mkdtempSync(join(tmpdir(), "mixdown-own-plans-"));
try {
  const stacks = ["network", "storage", "registry", "jobs", "compute"];
  synthesize("first", first);
  synthesize("second", second);
  for (const stack of stacks) {
    const text = plan("first", stack);
    if (stack === "jobs") save("own-jobs-first", text);
    run("first", stack, "apply", "-input=false", "plan");
  }
  for (const stack of ["network", "storage", "compute"]) save(`own-${stack}`, plan("second", stack));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
execFileSync("npx", ["biome", "format", "--write", plans], { stdio: "inherit" });

function synthesize(name: string, settings: Readonly<Record<string, string>>): void {
  const env = { ...process.env, ...settings, MIXDOWN_ENV: "dev", CDKTF_OUTDIR: join(folder, name) };
  execFileSync(process.execPath, ["main.ts"], { cwd: root, env });
}

function plan(name: string, stack: string): string {
  run(name, stack, "init", "-input=false");
  run(name, stack, "plan", "-input=false", "-out=plan");
  return run(name, stack, "show", "-json", "plan");
}

function save(name: string, text: string): void {
  // Configuration and earlier state are half of it, and nothing reads them.
  const { configuration: _, prior_state: __, planned_values: ___, ...rest } = JSON.parse(text);
  const document = { ...rest, timestamp: "2026-01-01T00:00:00Z" };
  writeFileSync(join(plans, `${name}.json`), JSON.stringify(document, null, 2));
}

function run(name: string, stack: string, ...args: readonly string[]): string {
  const chdir = `-chdir=${join(folder, name, "stacks", `dev-${stack}`)}`;
  const env = { ...process.env, ...credentials };
  return execFileSync("terraform", [chdir, ...args], { encoding: "utf8", maxBuffer: 64 << 20, env });
}
