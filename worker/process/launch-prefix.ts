import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Bounds of one child; see `limits.childProcess`. */
export interface ProcessLimits {
  readonly cpuSeconds: number;
  readonly fileBytes: number;
  readonly addressSpaceBytes: number;
  readonly openFiles: number;
}

export interface Launchers {
  /** Path of util-linux' setpriv: lets a child die with its parent, even by kill -9. */
  readonly setpriv: string | null;
  /** Path of util-linux' prlimit: sets what Node cannot. */
  readonly prlimit: string | null;
}

/** First executable `name` on a PATH-like list, or null. Looks only, starts nothing. */
export function findExecutable(name: string, pathVariable: string): string | null {
  for (const folder of pathVariable.split(delimiter)) {
    if (folder === "") continue;
    const candidate = join(folder, name);
    if (isExecutable(candidate)) return candidate;
  }
  return null;
}

/** Whether `path` is a file that this user may run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The launchers' usual places: they belong to the system, not to the caller's PATH. */
const systemFolders = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"].join(delimiter);
let found: Launchers | undefined;

/** Looked for once a process. Both null away from Linux. */
export function findLaunchers(): Launchers {
  found ??=
    process.platform === "linux"
      ? { setpriv: findExecutable("setpriv", systemFolders), prlimit: findExecutable("prlimit", systemFolders) }
      : { setpriv: null, prlimit: null };
  return found;
}

/** Hard limits of `/proc/<pid>/limits`; Infinity where unlimited. Asking for more would be refused. */
export function parseHardLimits(text: string): ProcessLimits {
  const hard = (row: string): number => {
    const line = text.split("\n").find((candidate) => candidate.startsWith(row));
    const value = line?.slice(row.length).trim().split(/\s+/)[1];
    return value === undefined || value === "unlimited" ? Number.POSITIVE_INFINITY : Number(value);
  };
  return {
    cpuSeconds: hard("Max cpu time"),
    fileBytes: hard("Max file size"),
    addressSpaceBytes: hard("Max address space"),
    openFiles: hard("Max open files"),
  };
}

let ownHardLimits: ProcessLimits | undefined;
function readOwnHardLimits(): ProcessLimits {
  if (ownHardLimits === undefined) {
    let text = "";
    try {
      text = readFileSync("/proc/self/limits", "utf8");
    } catch {
      // Without /proc nothing is known to be lower.
    }
    ownHardLimits = parseHardLimits(text);
  }
  return ownHardLimits;
}

/**
 * Arguments that go before a command so that it is bounded and dies with us; empty where nothing is there to do it.
 * setpriv and prlimit replace themselves (exec), so the pid is the command's own.
 */
export function buildLaunchPrefix(
  bounds: ProcessLimits,
  launchers: Launchers = findLaunchers(),
  ceilings: ProcessLimits = readOwnHardLimits(),
): readonly string[] {
  const prefix: string[] = [];
  if (launchers.setpriv !== null) prefix.push(launchers.setpriv, "--pdeathsig", "KILL", "--");
  if (launchers.prlimit !== null) {
    const cpu = Math.min(bounds.cpuSeconds, ceilings.cpuSeconds);
    prefix.push(
      launchers.prlimit,
      // Soft before hard: SIGXCPU says why, SIGKILL five seconds later makes sure.
      `--cpu=${cpu}:${Math.min(cpu + 5, ceilings.cpuSeconds)}`,
      `--fsize=${Math.min(bounds.fileBytes, ceilings.fileBytes)}`,
      `--as=${Math.min(bounds.addressSpaceBytes, ceilings.addressSpaceBytes)}`,
      `--nofile=${Math.min(bounds.openFiles, ceilings.openFiles)}`,
      "--",
    );
  }
  return prefix;
}
