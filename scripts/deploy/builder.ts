import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Environment } from "../../config/environments.ts";
import { MixdownError } from "../../core/errors.ts";
import type { Interrupt } from "./interrupt.ts";
import type { Registry } from "./registry.ts";
import { runTool, type ToolResult } from "./run-tool.ts";
import { checkout } from "./workspace.ts";

export interface BuilderOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  readonly interrupt: Interrupt;
}

/** Builds the worker's images on this machine, and pushes them. */
export class Builder {
  readonly name: "docker" | "buildah";
  readonly #options: BuilderOptions;

  constructor(name: "docker" | "buildah", options: BuilderOptions) {
    this.name = name;
    this.#options = options;
  }

  /** @throws MixdownError `platform_deploy_failed` */
  async build(names: readonly string[]): Promise<void> {
    const args = [join(checkout, "scripts", "build-images.ts"), "--builder", this.name, ...names];
    await this.#expect(process.execPath, args, "build the images");
  }

  /** Content of a local image; null when there is none. */
  async idOf(image: string): Promise<string | null> {
    const args =
      this.name === "docker"
        ? ["image", "inspect", "--format", "{{.Id}}", image]
        : ["inspect", "--type=image", "--format", "{{.FromImageID}}", image];
    const { code, stdout } = await this.#run(this.name, args, false);
    return code === 0 ? stdout.trim().replace(/^sha256:/, "") : null;
  }

  /** @param target `REPOSITORY:TAG` in that registry. @throws MixdownError `platform_deploy_failed` */
  async push(image: string, registry: Registry, target: string): Promise<void> {
    const name = `${registry.host}/${target}`;
    if (this.name === "docker") await this.#pushWithDocker(image, registry, name);
    else await this.#pushWithBuildah(image, registry, name);
  }

  async #pushWithDocker(image: string, registry: Registry, name: string): Promise<void> {
    await this.#expect("docker", ["tag", image, name], `name ${image}`);
    const folder = mkdtempSync(join(tmpdir(), "mixdown-push-"));
    try {
      // Signing in would write to the user's own settings, or fail where a helper keeps this registry's passwords.
      const config = writeDockerConfig(folder, this.#options.env, registry);
      await this.#expect("docker", ["--config", config, "push", name], `push ${name}`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
      // The image keeps the name that it was built by.
      await this.#run("docker", ["image", "rm", name], false).catch(() => undefined);
    }
  }

  async #pushWithBuildah(image: string, registry: Registry, name: string): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "mixdown-push-"));
    try {
      const authFile = join(folder, "auth.json");
      writeFileSync(authFile, JSON.stringify(buildAuths(registry)), { mode: 0o600 });
      const plain = registry.url.startsWith("http:") ? ["--tls-verify=false"] : [];
      await this.#expect(
        "buildah",
        ["push", "--authfile", authFile, ...plain, image, `docker://${name}`],
        `push ${name}`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #expect(command: string, args: readonly string[], what: string): Promise<void> {
    const { code, said } = await this.#run(command, args, true);
    this.#options.interrupt.check();
    if (code === 0) return;
    const last = said.trim().split("\n").at(-1) ?? "";
    throw new MixdownError("platform_deploy_failed", {
      message: `${this.name} could not ${what}: ${last.slice(0, 400).replace(/\.$/, "")}; correct that and run the same command (all that was said: ${this.#options.logFile}).`,
      stderrTail: said.slice(-4_000),
    });
  }

  async #run(command: string, args: readonly string[], logged: boolean): Promise<ToolResult> {
    const { env, interrupt, logFile } = this.#options;
    interrupt.check();
    return runTool({ command, args, cwd: checkout, env, interrupt, ...(logged ? { logFile } : {}) });
  }
}

/** The passwords that Docker and buildah look up by a registry's host. */
function buildAuths({ host, user, password }: Registry) {
  return { auths: { [host]: { auth: Buffer.from(`${user}:${password}`).toString("base64") } } };
}

/** The user's settings of Docker, contexts and plugins among them, with this registry's password and no other. */
function writeDockerConfig(folder: string, env: NodeJS.ProcessEnv, registry: Registry): string {
  const own = resolve(env.DOCKER_CONFIG || join(homedir(), ".docker"));
  const kept = existsSync(own) ? readdirSync(own).filter((name) => name !== "config.json") : [];
  for (const name of kept) symlinkSync(join(own, name), join(folder, name));
  const file = join(own, "config.json");
  const { credsStore, credHelpers, ...settings } = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
  const text = JSON.stringify({ ...settings, ...buildAuths(registry) });
  writeFileSync(join(folder, "config.json"), text, { mode: 0o600 });
  return folder;
}

/** @throws MixdownError `platform_tool_missing` when neither can build here */
export async function findBuilder(wanted: "docker" | "buildah" | undefined, options: BuilderOptions): Promise<Builder> {
  const { env, interrupt } = options;
  const answers = async (command: string, ...args: readonly string[]): Promise<boolean> => {
    const result = await runTool({ command, args, cwd: checkout, env, interrupt }).catch(() => undefined);
    interrupt.check();
    return result?.code === 0;
  };
  // `docker info` of newer ones ends well although no daemon answers.
  const daemon = ["version", "--format", "{{.Server.Version}}"] as const;
  if (wanted !== "buildah" && (await answers("docker", ...daemon))) return new Builder("docker", options);
  if (wanted !== "docker" && (await answers("buildah", "version"))) return new Builder("buildah", options);
  throw new MixdownError("platform_tool_missing", {
    message: `${wanted === undefined ? "Neither Docker's daemon nor buildah answers" : `${wanted} does not answer`}; start or install one, or name images that are in the registry by MIXDOWN_WORKER_DIGEST and its like.`,
  });
}

const processors = { x64: "x86_64", arm64: "arm64" } as Readonly<Record<string, string>>;

/** The Node that goes into the images is the one that runs here. @throws MixdownError `usage_invalid` */
export function checkMachine({ workerArchitecture }: Environment): void {
  const here = `${process.platform} on ${processors[process.arch] ?? process.arch}`;
  if (here === `linux on ${workerArchitecture}`) return;
  throw new MixdownError("usage_invalid", {
    message: `Images for linux on ${workerArchitecture} are not built on ${here}; build them by the workflow images and name them by MIXDOWN_WORKER_DIGEST and its like, or deploy from such a machine${here === "linux on arm64" ? ", or set MIXDOWN_WORKER_ARCHITECTURE=arm64" : ""}.`,
  });
}
