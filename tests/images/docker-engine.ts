import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  type Container,
  type ContainerOptions,
  follow,
  type ImageConfig,
  type ImageEngine,
  tagOf,
} from "./image-engine.ts";
import { type DockerDaemon, findDocker } from "./own-docker.ts";

/** @returns a sentence where no Docker answers, and none can be started */
export async function openDocker(): Promise<DockerEngine | string> {
  const daemon = await findDocker();
  return typeof daemon === "string" ? daemon : new DockerEngine(daemon);
}

export class DockerEngine implements ImageEngine {
  readonly what: string;
  readonly buildArgs: readonly string[];
  readonly #daemon: DockerDaemon;
  readonly #mark = `mixdown-test-${process.pid}`;
  #started = 0;

  constructor(daemon: DockerDaemon) {
    this.#daemon = daemon;
    this.what = daemon.what;
    this.buildArgs = ["--builder", "docker", ...daemon.buildArgs];
  }

  #call(...args: readonly string[]): string {
    return execFileSync("docker", [...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  readConfig(image: string): ImageConfig {
    const [{ Config }] = JSON.parse(this.#call("image", "inspect", image));
    const { Entrypoint, Cmd, User = "", Volumes, Env } = Config;
    const entrypoint = [...(Entrypoint ?? []), ...(Cmd ?? [])];
    return { entrypoint, user: User, volumes: Object.keys(Volumes ?? {}), env: Env ?? [] };
  }

  /** With an init, as the task definition says. On the host's network: that is where the emulator listens. */
  start({ image, scratch, target, env = {}, argv = [] }: ContainerOptions): Container {
    const name = `${this.#mark}-${this.#started++}`;
    const [entrypoint, ...args] = argv;
    const options = [
      ...["--rm", "--init", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"],
      ...["--network", "host", "--name", name, "--label", this.#mark],
      // A volume that is new takes owner and mode from the image's folder.
      ...["--volume", `${this.#mark}-${scratch}:${target}`],
      ...Object.keys(env).flatMap((variable) => ["--env", variable]),
      ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint]),
    ];
    const child = spawn("docker", ["run", ...options, image, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...env },
    });
    const kill = (signal: NodeJS.Signals): void => {
      // To the container, not to the client: that one's end would be nothing to it.
      spawnSync("docker", ["kill", "--signal", signal, name], { stdio: "ignore" });
    };
    return { ...follow(child), kill };
  }

  listScratch(scratch: string): readonly string[] {
    const volume = `${this.#mark}-${scratch}:/there:ro`;
    const listed = this.#call("run", "--rm", "--network", "none", "--user", "0", "--volume", volume, ...ls);
    return listed.split("\n").filter((name) => name !== "");
  }

  async close(): Promise<void> {
    const left = this.#call("ps", "--all", "--quiet", "--filter", `label=${this.#mark}`).split("\n").filter(Boolean);
    if (left.length > 0) this.#call("rm", "--force", ...left);
    const volumes = this.#call("volume", "ls", "--quiet", "--filter", `name=${this.#mark}-`)
      .split("\n")
      .filter(Boolean);
    if (volumes.length > 0) this.#call("volume", "rm", ...volumes);
    await this.#daemon.stop();
  }
}

const ls = ["--entrypoint", "ls", tagOf("worker"), "-A", "/there"];
