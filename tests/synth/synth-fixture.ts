import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { readEnvironment } from "../../config/environments.ts";
import { createStacks, synthesize } from "../../stacks/index.ts";
import { makeBundles } from "../fixtures/empty-bundles.ts";

type Attributes = Record<string, unknown>;
/** One stack's JSON, as Terraform reads it. */
export interface StackJson {
  readonly resource: Record<string, Record<string, Attributes>>;
  readonly data?: Record<string, Record<string, Attributes>>;
  readonly output?: Record<string, Attributes>;
  readonly provider: { readonly aws: readonly Attributes[] };
  readonly terraform: { readonly backend: Record<string, Attributes>; readonly required_version: string };
}

export const digest = `sha256:${"a".repeat(64)}`;
const digests = {
  MIXDOWN_WORKER_DIGEST: digest,
  MIXDOWN_WORKER_LAMBDA_DIGEST: digest,
  MIXDOWN_WORKER_GPU_DIGEST: digest,
};

const known = new Map<string, Readonly<Record<string, StackJson>>>();

/** All stacks of an environment by the name of what they hold; made once a set of variables. */
export function synth(name: string, variables: NodeJS.ProcessEnv = {}): Readonly<Record<string, StackJson>> {
  const key = JSON.stringify([name, variables]);
  const made = known.get(key) ?? readStacks(name, variables);
  known.set(key, made);
  return made;
}

function readStacks(name: string, variables: NodeJS.ProcessEnv): Readonly<Record<string, StackJson>> {
  const files = synthFiles(name, variables);
  const stacks = [...files].filter(([path]) => path.endsWith("cdk.tf.json"));
  return Object.fromEntries(
    stacks.map(([path, text]) => [path.replace(/^stacks\/[a-z]+-|\/cdk\.tf\.json$/g, ""), JSON.parse(text)]),
  );
}

/** Every file that synth writes, by its path. */
export function synthFiles(name: string, variables: NodeJS.ProcessEnv = {}): ReadonlyMap<string, string> {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-synth-"));
  try {
    const bundles = makeBundles(join(folder, "bundles"));
    const outdir = join(folder, "out");
    const environment = readEnvironment({ ...digests, ...variables, MIXDOWN_ENV: name }, join(folder, ".state"));
    synthesize(createStacks({ environment, bundles, outdir }).app);
    const paths = readdirSync(outdir, { recursive: true, withFileTypes: true });
    return new Map(
      paths
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .sort()
        .map((path) => [path.slice(outdir.length + 1), readFileSync(path, "latin1")]),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resources of a type in one stack, by their logical id. */
export const resourcesOf = (stack: StackJson | undefined, type: string): Readonly<Record<string, Attributes>> =>
  stack?.resource[type] ?? {};

/** Resources of a type in all stacks. */
export const listAll = (stacks: Readonly<Record<string, StackJson>>, type: string): readonly Attributes[] =>
  Object.values(stacks).flatMap((stack) => Object.values(resourcesOf(stack, type)));

/** The one resource of its type whose logical id begins so. */
export function find(stack: StackJson | undefined, type: string, id: string): Attributes {
  const found = Object.entries(resourcesOf(stack, type)).filter(([key]) => key === id || key.startsWith(`${id}_`));
  const [one] = found;
  if (one === undefined || found.length > 1) throw new Error(`${found.length} resources ${type}.${id}`);
  return one[1];
}

export const makeFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-synth-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
};

/** How Terraform refers to an attribute. */
export const ref = (attribute: string): string => `\${${attribute}}`;
