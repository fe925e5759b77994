import { closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Environment, readEnvironment } from "../../config/environments.ts";
import { MixdownError } from "../../core/errors.ts";
import { createStacks, synthesize } from "../../stacks/index.ts";

/** The checkout, whose code is deployed. */
export const checkout = fileURLToPath(new URL("../..", import.meta.url));

export interface Stack {
  /** `network`. */
  readonly part: string;
  /** Where Terraform runs. */
  readonly folder: string;
  /** Parts that it reads from. */
  readonly needs: readonly string[];
}

/** Where one environment's deployment keeps what it writes: the folder it is started in. */
export class Workspace {
  readonly env: NodeJS.ProcessEnv;
  readonly stateDir: string;
  readonly #folder: string;

  /** @param env variables of the settings, `MIXDOWN_ENV` among them */
  constructor(folder: string, name: string, env: NodeJS.ProcessEnv) {
    this.#folder = folder;
    this.env = { ...env, MIXDOWN_ENV: name };
    this.stateDir = join(folder, ".state", name);
  }

  /** The settings, with the images' digests as they are recorded by now. @throws MixdownError `usage_invalid` */
  readSettings(): Environment {
    return readEnvironment(this.env, join(this.#folder, ".state"));
  }

  /**
   * Writes the stacks' JSON; what Terraform has put beside it stays.
   * @returns the stacks, each after those that it reads from
   */
  synthesize(environment: Environment): readonly Stack[] {
    const outdir = join(this.#folder, "cdktf.out");
    const { app } = createStacks({ environment, bundles: join(checkout, "dist", "functions"), outdir });
    synthesize(app);
    const { stacks } = JSON.parse(readFileSync(join(outdir, "manifest.json"), "utf8")) as Manifest;
    const partOf = (name: string): string => name.slice(environment.name.length + 1);
    // The order in which they were made is one in which they can be deployed.
    return app.node.children.flatMap(({ node }) => {
      const found = stacks[node.id];
      if (found === undefined) return [];
      const folder = join(outdir, found.workingDirectory);
      return [{ part: partOf(node.id), folder, needs: found.dependencies.map(partOf) }];
    });
  }

  /** JSON of an earlier run; undefined when there is none. @throws MixdownError `usage_invalid` */
  readRecord(name: string): Readonly<Record<string, unknown>> | undefined {
    const path = join(this.stateDir, name);
    try {
      return JSON.parse(readFileSync(path, "utf8"));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new MixdownError("usage_invalid", { message: `${path} is not readable as JSON; delete it and try again.` });
    }
  }

  /** Whole or not at all, whenever this process ends. */
  writeRecord(name: string, text: string): string {
    const path = join(this.stateDir, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
    return path;
  }

  removeRecord(name: string): void {
    rmSync(join(this.stateDir, name), { force: true });
  }

  /**
   * One deployment at a time in a checkout: two would write the same stacks.
   * @returns what gives the place free
   * @throws MixdownError `usage_store_locked` naming the process
   */
  lock(): () => void {
    const path = join(this.#folder, ".state", "deploy.pid");
    mkdirSync(dirname(path), { recursive: true });
    for (let round = 0; round < 2; round++) {
      try {
        const file = openSync(path, "wx");
        writeSync(file, String(process.pid));
        closeSync(file);
        return () => rmSync(path, { force: true });
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
        const holder = Number(readFileSync(path, "utf8"));
        if (isAlive(holder)) refuseSecond(holder, path);
        rmSync(path, { force: true });
      }
    }
    return refuseSecond(0, path);
  }
}

interface Manifest {
  readonly stacks: Readonly<
    Record<string, { readonly workingDirectory: string; readonly dependencies: readonly string[] } | undefined>
  >;
}

/** A process that was killed left its number behind. */
function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === "EPERM";
  }
}

function refuseSecond(pid: number, path: string): never {
  throw new MixdownError("usage_store_locked", {
    message: `Process ${pid} is deploying from this folder (${path}); wait for its end, or delete that file if the process is something else.`,
  });
}

/** A part and everything that it reads from, in the order of deployment. */
export function closureOf(stacks: readonly Stack[], part: string): readonly Stack[] {
  const wanted = new Set([part]);
  for (const stack of stacks.toReversed()) {
    if (wanted.has(stack.part)) for (const need of stack.needs) wanted.add(need);
  }
  return stacks.filter((stack) => wanted.has(stack.part));
}
