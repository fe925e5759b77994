import type { Environment } from "../../config/environments.ts";
import { MixdownError } from "../../core/errors.ts";
import { deployedPrefix } from "../../stacks/registry.ts";
import type { Builder } from "./builder.ts";
import { fingerprintBundled, fingerprintSource } from "./fingerprint-source.ts";
import { type ImageName, imageNames, listNeededImages } from "./image-names.ts";
import { openRegistry, type Registry } from "./registry.ts";
import { say, withHeartbeat } from "./say.ts";
import type { Workspace } from "./workspace.ts";

export interface ImagesStep {
  readonly workspace: Workspace;
  readonly environment: Environment;
  /** Outputs of the stack `registry`. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Not asked for while there is nothing to build. */
  readonly builder: () => Promise<Builder>;
  readonly useBuilt: boolean;
  readonly rebuild: boolean;
}

/** One image as it was pushed. */
interface Pushed {
  readonly fingerprint: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}
interface ImagesRecord {
  readonly pushed?: Partial<Record<ImageName, Pushed>>;
  readonly built?: Partial<Record<ImageName, Built>>;
}
interface Built {
  readonly fingerprint: string;
  readonly id: string;
}

const recordName = "images.json";
const localName = (name: ImageName): string => `localhost/mixdown-${name}:latest`;

/**
 * Sees to it that the registry has the images that the environment needs, and records their digests, each as soon as it
 * is there. What the registry has of this source is neither built nor pushed again.
 * @throws MixdownError `platform_deploy_failed`, `platform_unreachable`, `auth_forbidden`, `usage_invalid`
 */
export async function provideImages(step: ImagesStep): Promise<void> {
  const { workspace, environment, outputs } = step;
  const needed = listNeededImages(environment);
  const given = needed.filter((name) => workspace.env[imageNames[name].variable]);
  const wanted = needed.filter((name) => !given.includes(name));
  const registry = await openRegistry(environment.region);
  for (const name of given) await checkGiven(name, registry, repositoryOf(name, outputs), workspace);
  if (wanted.length === 0) return;
  const source = step.useBuilt ? null : await fingerprintSource();
  const missing: { name: ImageName; fingerprint: string }[] = [];
  for (const name of wanted) {
    const fingerprint = source ?? (await fingerprintBuilt(name, await step.builder()));
    const repository = repositoryOf(name, outputs);
    const found = step.rebuild ? null : await findPushed(name, fingerprint, repository, registry, workspace);
    if (found === null) missing.push({ name, fingerprint });
    else record(workspace, name, { fingerprint, repository, ...found });
  }
  if (missing.length === 0) return;
  const builder = await step.builder();
  if (source !== null)
    await build(
      missing.map(({ name }) => name),
      source,
      builder,
      step,
    );
  for (const { name, fingerprint } of missing) {
    await push(name, fingerprint, repositoryOf(name, outputs), { builder, registry, step });
  }
}

function repositoryOf(name: ImageName, outputs: Readonly<Record<string, string>>): string {
  const url = outputs[imageNames[name].output];
  const repository = url?.slice(url.indexOf("/") + 1);
  if (repository !== undefined && repository !== "") return repository;
  throw new MixdownError("platform_deploy_failed", {
    message: `The stack registry has no output ${imageNames[name].output}; run the same command again.`,
  });
}

/** A digest that a variable names is used for this run, and not recorded. */
async function checkGiven(
  name: ImageName,
  registry: Registry,
  repository: string,
  workspace: Workspace,
): Promise<void> {
  const { variable } = imageNames[name];
  const digest = workspace.env[variable] ?? "";
  const found = await registry.find(repository, digest).catch((thrown: unknown) => {
    if (thrown instanceof MixdownError && thrown.code === "platform_unreachable") return undefined;
    throw thrown;
  });
  if (found === null) {
    throw new MixdownError("usage_invalid", {
      message: `${variable} is ${digest}, which ${repository} does not have; unset it, or name one that the registry has.`,
    });
  }
  const seen = found === undefined ? "SKIPPED, and the registry did not answer: not even seen there" : "SKIPPED";
  say(`  !   ${name}: building and pushing ${seen}; ${variable} names ${digest}`);
}

async function fingerprintBuilt(name: ImageName, builder: Builder): Promise<string> {
  const id = await builder.idOf(localName(name));
  if (id !== null) return id.slice(0, 16);
  throw new MixdownError("usage_invalid", {
    message: `${builder.name} has no image ${localName(name)}; leave --use-built out, or build it with \`npm run images:build\`.`,
  });
}

/** What was recorded here, else what carries this source's tag: pushed by another machine, or just before a crash. */
async function findPushed(
  name: ImageName,
  fingerprint: string,
  repository: string,
  registry: Registry,
  workspace: Workspace,
): Promise<{ tag: string; digest: string } | null> {
  const known = readRecord(workspace).pushed?.[name];
  if (known !== undefined && known.fingerprint === fingerprint && known.repository === repository) {
    const digest = await registry.find(repository, known.digest);
    if (digest !== null) {
      say(`  ok  ${name}: ${digest} is there already`);
      return { tag: known.tag, digest };
    }
  }
  const tag = `${deployedPrefix}${fingerprint}`;
  const digest = await registry.find(repository, tag);
  if (digest === null) return null;
  say(`  ok  ${name}: ${digest} is there already, as ${tag}`);
  return { tag, digest };
}

async function build(names: readonly ImageName[], source: string, builder: Builder, step: ImagesStep): Promise<void> {
  const { built = {} } = readRecord(step.workspace);
  const isBuilt = async (name: ImageName): Promise<boolean> =>
    built[name]?.fingerprint === source && built[name].id === (await builder.idOf(localName(name)));
  const stale: ImageName[] = [];
  for (const name of names) if (step.rebuild || !(await isBuilt(name))) stale.push(name);
  if (stale.length === 0) return say(`  ok  ${names.join(", ")}: built already`);
  say(`  …   building ${stale.join(", ")} with ${builder.name}: minutes, the first time`);
  await withHeartbeat("building", () => builder.build(stale));
  if (fingerprintBundled() !== source) {
    // Its tag would say that it is of another source.
    throw new MixdownError("platform_deploy_failed", {
      message:
        "The source was changed while the images were built, so none of them was pushed; run the same command again.",
    });
  }
  const now: Partial<Record<ImageName, Built>> = { ...built };
  for (const name of stale) now[name] = { fingerprint: source, id: (await builder.idOf(localName(name))) ?? "" };
  writeRecord(step.workspace, { ...readRecord(step.workspace), built: now });
}

async function push(
  name: ImageName,
  fingerprint: string,
  repository: string,
  { builder, registry, step }: { builder: Builder; registry: Registry; step: ImagesStep },
): Promise<void> {
  // Tags are immutable: what is built anew from the same source needs another.
  const again = step.rebuild ? `-${new Date().toISOString().replaceAll(/\D/g, "").slice(0, 14)}` : "";
  const tag = `${deployedPrefix}${fingerprint}${again}`;
  say(`  …   pushing ${name} to ${registry.host}/${repository}:${tag}`);
  await withHeartbeat(`pushing ${name}`, () => builder.push(localName(name), registry, `${repository}:${tag}`));
  const digest = await registry.find(repository, tag);
  if (digest === null) {
    throw new MixdownError("platform_deploy_failed", {
      message: `${repository}:${tag} was pushed, and the registry does not have it; run the same command again.`,
    });
  }
  record(step.workspace, name, { fingerprint, repository, tag, digest });
  say(`  ok  ${name}: ${digest}`);
}

/** `pushed` for the next run, and the digests where the settings look for them (config/environments.ts). */
function record(workspace: Workspace, name: ImageName, pushed: Pushed): void {
  const before = readRecord(workspace);
  writeRecord(workspace, {
    ...before,
    [imageNames[name].setting]: pushed.digest,
    pushed: { ...before.pushed, [name]: pushed },
  });
}

const readRecord = (workspace: Workspace): ImagesRecord => (workspace.readRecord(recordName) ?? {}) as ImagesRecord;
const writeRecord = (workspace: Workspace, value: object): void => {
  workspace.writeRecord(recordName, `${JSON.stringify(value, null, 2)}\n`);
};
