import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

export interface Reading {
  readonly wallMs: number;
  /** Most memory that the whole process tree held at once, proportional set size; `null` without /proc. */
  readonly peakBytes: number | null;
}

/** To look takes a core's time itself, which a run on all cores would be short of: often at first only. */
const pollMs = { first: 50, later: 250 };
const firstMs = 2_000;

/** Runs a command to its end. @throws when it fails, with the end of its stderr */
export async function measureRun(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<Reading> {
  const [file = "", ...args] = argv;
  const startedAt = performance.now();
  const child = spawn(file, args, { env, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-2_000);
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve));
  const watch = watchMemory(child.pid ?? 0);
  try {
    const code = await ended;
    const wallMs = performance.now() - startedAt;
    if (code !== 0) throw new Error(`${argv.join(" ")} ended with ${code}: ${stderr.trim()}`);
    return { wallMs, peakBytes: watch.peakBytes() };
  } finally {
    watch.stop();
  }
}

/** Samples the memory of `pid` and all its descendants until it is stopped. */
export function watchMemory(pid: number): { peakBytes(): number | null; stop(): void } {
  let peak = 0;
  let running = true;
  const startedAt = performance.now();
  const loop = async (): Promise<void> => {
    while (running) {
      peak = Math.max(
        peak,
        findTree(pid).reduce((sum, each) => sum + readPssBytes(each), 0),
      );
      await sleep(performance.now() - startedAt < firstMs ? pollMs.first : pollMs.later);
    }
  };
  void loop();
  return {
    peakBytes: () => (peak === 0 ? null : peak),
    stop: () => {
      running = false;
    },
  };
}

function findTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of listProcesses()) {
    const parent = Number(/^PPid:\s+(\d+)/m.exec(readProc(name, "status"))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function listProcesses(): readonly string[] {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** Pages that several processes share are counted once, in parts. */
const readPssBytes = (pid: number): number =>
  Number(/^Pss:\s+(\d+) kB/m.exec(readProc(String(pid), "smaps_rollup"))?.[1] ?? 0) * 1_024;

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    // It has ended.
    return "";
  }
}
