import { type ChildProcess, spawn } from "node:child_process";

/**
 * Where nothing like setpriv exists (macOS), one small process stands by: it is told each child's process group and,
 * when its stdin closes because we died by whatever means, kills those that are left. Windows has no process groups
 * and is not served.
 */
const source = `
const groups = new Set();
let rest = "";
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => {});
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) line[0] === "+" ? groups.add(+line.slice(1)) : groups.delete(+line.slice(1));
});
process.stdin.on("close", () => {
  for (const group of groups) try { process.kill(-group, "SIGKILL"); } catch {}
});
`;

export interface Watchdog {
  readonly pid: number | undefined;
  watch(group: number): void;
  release(group: number): void;
  /** Ends it without killing anything that was released. */
  close(): void;
}

export function createWatchdog(): Watchdog {
  const child: ChildProcess = spawn(process.execPath, ["-e", source], {
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  // It must not keep us alive, and its own death must not end us.
  child.unref();
  (child.stdin as unknown as { unref?(): void } | null)?.unref?.();
  child.on("error", () => {});
  child.stdin?.on("error", () => {});
  return {
    pid: child.pid,
    watch: (group) => void child.stdin?.write(`+${group}\n`),
    release: (group) => void child.stdin?.write(`-${group}\n`),
    close: () => void child.stdin?.end(),
  };
}

let shared: Watchdog | undefined;

/** The one of this process, started with the first child that needs it. */
export function sharedWatchdog(): Watchdog {
  shared ??= createWatchdog();
  return shared;
}
