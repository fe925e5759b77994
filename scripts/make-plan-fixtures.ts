import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Writes tests/fixtures/plans/NAME.json from tests/fixtures/plans/sources/NAME: `before` is applied, then `after` is
 * planned, by Terraform itself. `TF_CLI_CONFIG_FILE` must name a place with the provider hashicorp/aws that makes no calls.
 *
 *     npx node scripts/make-plan-fixtures.ts [NAME...]
 */
const plans = fileURLToPath(new URL("../tests/fixtures/plans", import.meta.url));
const sources = join(plans, "sources");
const names =
  process.argv.length > 2 ? process.argv.slice(2) : readdirSync(sources).filter((one) => !one.includes("."));

for (const name of names) {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-plan-"));
  try {
    writeFileSync(join(plans, `${name}.json`), makePlan(join(sources, name), folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
execFileSync("npx", ["biome", "format", "--write", plans], { stdio: "inherit" });

function makePlan(source: string, folder: string): string {
  cpSync(join(sources, "provider.tf"), join(folder, "provider.tf"));
  if (existsSync(join(source, "module"))) cpSync(join(source, "module"), join(folder, "module"), { recursive: true });
  writeFileSync(join(folder, "main.tf"), readOr(join(source, "before", "main.tf"), ""));
  run(folder, "init", "-input=false");
  if (existsSync(join(source, "before"))) run(folder, "apply", "-input=false", "-auto-approve");
  cpSync(join(source, "after", "main.tf"), join(folder, "main.tf"));
  run(folder, "init", "-input=false");
  run(folder, "plan", "-input=false", "-out=plan");
  const plan = JSON.parse(run(folder, "show", "-json", "plan"));
  // The one thing in it that differs from run to run.
  return JSON.stringify({ ...plan, timestamp: "2026-01-01T00:00:00Z" }, null, 2);
}

function readOr(path: string, otherwise: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : otherwise;
}

function run(folder: string, ...args: readonly string[]): string {
  return execFileSync("terraform", [`-chdir=${folder}`, ...args], { encoding: "utf8", maxBuffer: 64 << 20 });
}
