import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

  async #pushWithDocker(image: string, { host, user, password }: Registry, name: string): Promise<void> {
    await this.#expect(
      "docker",
      ["login", "--username", user, "--password-stdin", host],
      `sign in at ${host}`,
      password,
    );
    try {
      await this.#expect("docker", ["tag", image, name], `name ${image}`);
      await this.#expect("docker", ["push", name], `push ${name}`);
    } finally {
      await this.#run("docker", ["logout", host], true);
    }
  }

  async #pushWithBuildah(image: string, { url, host, user, password }: Registry, name: string): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), "mixdown-push-"));
    try {
      const authFile = join(folder, "auth.json");
      const auth = Buffer.from(`${user}:${password}`).toString("base64");
      writeFileSync(authFile, JSON.stringify({ auths: { [host]: { auth } } }), { mode: 0o600 });
      const plain = url.startsWith("http:") ? ["--tls-verify=false"] : [];
      await this.#expect(
        "buildah",
        ["push", "--authfile", authFile, ...plain, image, `docker://${name}`],
        `push ${name}`,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #expect(command: string, args: readonly string[], what: string, input?: string): Promise<void> {
    const { code, said } = await this.#run(command, args, true, input);
    this.#options.interrupt.check();
    if (code === 0) return;
    const last = said.trim().split("\n").at(-1) ?? "";
    throw new MixdownError("platform_deploy_failed", {
      message: `${this.name} could not ${what}: ${last.slice(0, 400).replace(/\.$/, "")}; correct that and run the same command (all that was said: ${this.#options.logFile}).`,
      stderrTail: said.slice(-4_000),
    });
  }

  #run(command: string, args: readonly string[], logged: boolean, input?: string): Promise<ToolResult> {
    const { env, interrupt, logFile } = this.#options;
    interrupt.check();
    return runTool({
      command,
      args,
      cwd: checkout,
      // A list with an attestation beside the image is what docker pushes else, and Lambda takes no lists.
      env: { ...env, BUILDX_NO_DEFAULT_ATTESTATIONS: "1" },
      interrupt,
      ...(logged ? { logFile } : {}),
      ...(input === undefined ? {} : { input }),
    });
  }
}

/** @throws MixdownError `platform_tool_missing` when neither can build here */
export async function findBuilder(wanted: "docker" | "buildah" | undefined, options: BuilderOptions): Promise<Builder> {
  const { env, interrupt } = options;
  const answers = async (command: string, ...args: readonly string[]): Promise<boolean> => {
    const result = await runTool({ command, args, cwd: checkout, env, interrupt }).catch(() => undefined);
    interrupt.check();
    return result?.code === 0;
  };
  const daemon = ["info", "--format", "{{.ServerVersion}}"] as const;
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
