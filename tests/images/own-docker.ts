import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { lockFile } from "../../scripts/base-image.ts";

export interface DockerDaemon {
  /** Which of Docker it is. */
  readonly what: string;
  /** What `npm run images:build` needs besides, to build with it. */
  readonly buildArgs: readonly string[];
  stop(): Promise<void>;
}

const startMs = 60_000;

/**
 * The Docker that answers; else, as root, one from Debian's packages, unpacked and thrown away, that touches neither the
 * machine's network nor its storage. PATH and DOCKER_HOST of this process then lead to it.
 * @returns a sentence where there is neither
 */
export async function findDocker(): Promise<DockerDaemon | string> {
  const { status, stdout } = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], { encoding: "utf8" });
  if (status === 0) return { what: `Docker ${stdout.trim()}`, buildArgs: baseArgs(), stop: async () => {} };
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "no Docker answers, and only root can start one";
  if (baseArgs().length > 0) return "no Docker answers, and for one of our own there is no debootstrap to make a base";
  const folder = mkdtempSync(join(tmpdir(), "mixdown-docker-"));
  try {
    return await startOwn(folder);
  } catch (thrown) {
    removeFolder(folder);
    return `no Docker answers, and none could be started (${(thrown as Error).message.slice(0, 300)})`;
  }
}

/** Whoever cannot make a base takes Debian's own, which a Docker with a network can pull. */
function baseArgs(): readonly string[] {
  const canMake = process.getuid?.() === 0 && spawnSync("debootstrap", ["--version"]).status === 0;
  return canMake || existsSync(lockFile) ? [] : ["--base", "docker.io/library/debian:bookworm-slim"];
}

async function startOwn(folder: string): Promise<DockerDaemon> {
  const unpacked = join(folder, "package");
  execFileSync("apt-get", ["download", "docker.io", "containerd", "runc", "tini"], quietly(folder));
  for (const name of readdirSync(folder).filter((one) => one.endsWith(".deb"))) {
    execFileSync("dpkg", ["-x", join(folder, name), unpacked], quietly(folder));
  }
  const before = { PATH: process.env.PATH, DOCKER_HOST: process.env.DOCKER_HOST };
  const env = {
    ...process.env,
    PATH: [join(unpacked, "usr", "sbin"), join(unpacked, "usr", "bin"), before.PATH].join(":"),
  };
  const socket = `unix://${folder}/docker.sock`;
  const log = openSync(join(folder, "dockerd.log"), "a");
  const places = { "--data-root": "data", "--exec-root": "exec", "--pidfile": "docker.pid" };
  const args = [
    ...Object.entries(places).flatMap(([option, name]) => [option, join(folder, name)]),
    ...["--host", socket, "--bridge", "none", "--iptables=false", "--ip6tables=false"],
  ];
  mkdirSync(join(folder, "data"));
  const child = spawn("dockerd", args, { env, stdio: ["ignore", log, log] });
  child.once("error", () => {});
  process.once("exit", () => child.kill("SIGTERM"));
  Object.assign(process.env, { PATH: env.PATH, DOCKER_HOST: socket });
  const stop = async () => {
    await endDaemon(child);
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    removeFolder(folder);
  };
  const version = await waitFor(child, folder).catch(async (thrown: unknown) => {
    await stop();
    throw thrown;
  });
  // Without a bridge a build has no network of its own.
  return { what: `a Docker ${version} of our own`, buildArgs: ["--network", "host"], stop };
}

const quietly = (cwd: string) => ({ cwd, stdio: "ignore" }) as const;

async function waitFor(child: ChildProcess, folder: string): Promise<string> {
  const deadline = Date.now() + startMs;
  while (Date.now() < deadline && child.exitCode === null && child.pid !== undefined) {
    const { status, stdout } = spawnSync("docker", ["version", "--format", "{{.Server.Version}}"], {
      encoding: "utf8",
    });
    if (status === 0) return stdout.trim();
    await sleep(200);
  }
  throw new Error(readFileSync(join(folder, "dockerd.log"), "utf8").trim().split("\n").at(-1) ?? "it says nothing");
}

async function endDaemon(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}

/** The daemon leaves a mount of its network behind. */
function removeFolder(folder: string): void {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  const left = mounts.map((line) => line.split(" ")[1] ?? "").filter((path) => path.startsWith(`${folder}/`));
  for (const path of left.toReversed()) spawnSync("umount", [path]);
  rmSync(folder, { recursive: true, force: true });
}
