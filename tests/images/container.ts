import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, mkdirSync } from "node:fs";

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

export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly user: string;
  readonly volumes: readonly string[];
  readonly env: readonly string[];
}

/** buildah with a storage of its own. */
export class ImageStore {
  readonly #storage: readonly string[];

  constructor(folder: string) {
    this.#storage = ["--root", `${folder}/root`, "--runroot", `${folder}/run`];
  }

  #call(...args: readonly string[]): string {
    return execFileSync("buildah", [...this.#storage, ...args], { encoding: "utf8" }).trim();
  }

  readConfig(image: string): ImageConfig {
    const { config } = JSON.parse(this.#call("inspect", "--type=image", image)).OCIv1;
    const { Entrypoint = [], Cmd = [], User = "", Volumes = {}, Env = [] } = config;
    return { entrypoint: [...Entrypoint, ...(Cmd ?? [])], user: User, volumes: Object.keys(Volumes ?? {}), env: Env };
  }

  /** The image's files as a folder, until `release`. */
  mount(image: string): { readonly root: string; release(): void } {
    const container = this.#call("from", "--pull-never", image);
    return { root: this.#call("mount", container), release: () => void this.#call("rm", container) };
  }
}

export interface ContainerOptions {
  readonly root: string;
  readonly config: ImageConfig;
  /** On this machine; it is given to the container's user. */
  readonly scratchDir: string;
  /** Where the container finds it. */
  readonly target: string;
  readonly env?: Readonly<Record<string, string>>;
  /** @default the image's own */
  readonly argv?: readonly string[];
}

/** Starts the image's process; signals go to it directly. Its mounts end with it. */
export function startContainer(options: ContainerOptions): ChildProcess & { readonly said: () => string } {
  const { root, config, scratchDir, target, env = {}, argv = config.entrypoint } = options;
  const user = config.user === "" ? "0:0" : config.user;
  const [uid = 0, gid = 0] = user.split(":").map(Number);
  mkdirSync(scratchDir, { recursive: true });
  chownSync(scratchDir, uid, gid);
  const variables = [...config.env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const positional = ["sh", root, scratchDir, target, user, ...variables, ...argv];
  const child = spawn("unshare", ["--mount", "sh", "-euc", enter, ...positional], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
  return Object.assign(child, { said: () => said });
}
