import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findFreePort } from "../fixtures/free-port.ts";

export interface OciRegistry {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** What it asks for, as ECR does: the user is `AWS`. */
  readonly password: string;
  close(): Promise<void>;
}

const password = "token";
/** bcrypt of it. */
const passwordHash = "$2b$05$ZwcgqONKUpTXpT/NH5uWneTr9qVvtwtdt2rBcPRpCfZ7acww9sPGS";

/**
 * Debian's docker-registry, installed or unpacked beside the test.
 * @param isOpen whether everybody may read and write; else a password is wanted
 * @returns a sentence where there is none
 */
export async function startOciRegistry(isOpen = false): Promise<OciRegistry | string> {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-registry-"));
  const binary = findBinary(folder);
  if (binary === null) {
    rmSync(folder, { recursive: true, force: true });
    return "no docker-registry on PATH, and none that apt-get could download";
  }
  const port = await findFreePort();
  writeFileSync(join(folder, "htpasswd"), `AWS:${passwordHash}\n`);
  const config = {
    version: 0.1,
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: `127.0.0.1:${port}` },
    ...(isOpen ? {} : { auth: { htpasswd: { realm: "test", path: join(folder, "htpasswd") } } }),
  };
  // Every JSON text is YAML.
  writeFileSync(join(folder, "config.yml"), JSON.stringify(config));
  const child = spawn(binary, ["serve", join(folder, "config.yml")], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  // However this process ends.
  process.once("exit", () => child.kill("SIGKILL"));
  await waitFor(url, child, isOpen ? 200 : 401);
  return {
    url,
    password,
    async close() {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function findBinary(folder: string): string | null {
  try {
    execFileSync("docker-registry", ["--version"], { stdio: "ignore" });
    return "docker-registry";
  } catch {
    // Then the package without its daemon: 5 MB, unpacked and thrown away.
  }
  try {
    execFileSync("apt-get", ["download", "docker-registry"], { cwd: folder, stdio: "ignore" });
    const file = readdirSync(folder).find((name) => name.endsWith(".deb")) ?? "";
    execFileSync("dpkg", ["-x", join(folder, file), join(folder, "package")], { stdio: "ignore" });
    return join(folder, "package", "usr", "bin", "docker-registry");
  } catch {
    return null;
  }
}

async function waitFor(url: string, child: ChildProcess, status: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline && child.exitCode === null) {
    const answer = await fetch(`${url}/v2/`).catch(() => null);
    if (answer?.status === status) return;
    await sleep(100);
  }
  throw new Error(`the registry does not answer at ${url} (exit code ${child.exitCode})`);
}
