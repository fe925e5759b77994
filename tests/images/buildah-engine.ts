import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type Container, type ContainerOptions, follow, type ImageConfig, type ImageEngine } from "./image-engine.ts";

/** As the container runtimes do it: the root read-only, one folder to write to, a user of its own. */
const enter = `
root=$1; scratch=$2; target=$3; user=$4; shift 4
mount --bind "$root" "$root"
mount --bind "$scratch" "$root$target"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" "$root" /usr/bin/env -i "$@"
`;

const has = (command: string): boolean => spawnSync(command, ["--version"]).status === 0;

/**
 * buildah with a storage of its own, and the images run by what every Linux has.
 * @param storage is kept when it is not in the folder
 * @returns a sentence where that cannot be
 */
export function openBuildah(folder: string, storage = join(folder, "storage")): ImageEngine | string {
  const missing = [
    ...["buildah", "debootstrap", "unshare"].filter((command) => !has(command)).map((command) => `no ${command}`),
    ...(process.getuid?.() === 0 ? [] : ["not root"]),
  ];
  return missing.length === 0 ? new BuildahEngine(folder, storage) : missing.join(", ");
}

class BuildahEngine implements ImageEngine {
  readonly what = execFileSync("buildah", ["--version"], { encoding: "utf8" }).trim();
  readonly buildArgs: readonly string[];
  readonly #folder: string;
  readonly #storage: readonly string[];
  readonly #mounted = new Map<string, { readonly container: string; readonly root: string }>();

  constructor(folder: string, storage: string) {
    this.#folder = folder;
    this.#storage = ["--root", `${storage}/root`, "--runroot", `${storage}/run`];
    this.buildArgs = ["--builder", "buildah", "--storage-root", storage];
  }

  #call(...args: readonly string[]): string {
    return execFileSync("buildah", [...this.#storage, ...args], { encoding: "utf8" }).trim();
  }

  readConfig(image: string): ImageConfig {
    const { config } = JSON.parse(this.#call("inspect", "--type=image", image)).OCIv1;
    const { Entrypoint = [], Cmd, User = "", Volumes, Env = [] } = config;
    return { entrypoint: [...Entrypoint, ...(Cmd ?? [])], user: User, volumes: Object.keys(Volumes ?? {}), env: Env };
  }

  /** Signals go to the image's process directly. Its mounts end with it. */
  start({ image, scratch, target, env = {}, argv }: ContainerOptions): Container {
    const config = this.readConfig(image);
    const user = config.user === "" ? "0:0" : config.user;
    const [uid = 0, gid = 0] = user.split(":").map(Number);
    const scratchDir = join(this.#folder, "scratch", scratch);
    mkdirSync(scratchDir, { recursive: true });
    chownSync(scratchDir, uid, gid);
    const variables = [...config.env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
    const command = [...variables, ...(argv ?? config.entrypoint)];
    const positional = ["sh", this.#mount(image), scratchDir, target, user, ...command];
    const child = spawn("unshare", ["--mount", "sh", "-euc", enter, ...positional], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { ...follow(child), kill: (signal) => void child.kill(signal) };
  }

  listScratch = (scratch: string): readonly string[] => readdirSync(join(this.#folder, "scratch", scratch));

  #mount(image: string): string {
    const found = this.#mounted.get(image);
    if (found !== undefined) return found.root;
    const container = this.#call("from", "--pull-never", image);
    const root = this.#call("mount", container);
    this.#mounted.set(image, { container, root });
    return root;
  }

  async close(): Promise<void> {
    for (const { container } of this.#mounted.values()) this.#call("rm", container);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
