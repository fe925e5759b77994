import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { onTestFinished } from "vitest";
import type { Report } from "../../core/report.ts";

export interface ScaleRun {
  readonly report: Report;
  /** Of the whole tree. */
  readonly cpuSeconds: number;
  /** Largest memory of the process tree, shared pages counted once, MiB. */
  readonly peakMebibytes: number;
  readonly mostProcesses: number;
}

/** Stitches in a process of its own, and watches its tree. */
export async function runStitchTree(dir: string, paths: readonly string[], params: object): Promise<ScaleRun> {
  const script = new URL("./stitch-child.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, dir, JSON.stringify(paths), JSON.stringify(params)]);
  onTestFinished(() => void child.kill("SIGKILL"));
  const [stdout, stderr]: Buffer[][] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => stdout?.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr?.push(chunk));
  const closed = new Promise<number | null>((resolve) => child.once("close", resolve));
  let peakKibibytes = 0;
  let mostProcesses = 0;
  let running = true;
  const startedAt = performance.now();
  const sampling = (async () => {
    while (running) {
      const tree = await listTree(child.pid ?? 0);
      const sizes = await Promise.all(tree.map(readPss));
      peakKibibytes = Math.max(
        peakKibibytes,
        sizes.reduce((sum, size) => sum + size, 0),
      );
      mostProcesses = Math.max(mostProcesses, tree.length);
      // A run of a second has its peak somewhere in between.
      await new Promise((resolve) => setTimeout(resolve, performance.now() - startedAt < 2_000 ? 30 : 150));
    }
  })();
  const code = await closed;
  running = false;
  await sampling;
  if (code !== 0) throw new Error(Buffer.concat(stderr ?? []).toString());
  const { report, cpuSeconds } = JSON.parse(Buffer.concat(stdout ?? []).toString()) as ScaleRun;
  return { report, cpuSeconds, mostProcesses, peakMebibytes: peakKibibytes / 1024 };
}

/** The process and all that it has started, and those in turn. */
export async function listTree(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const below = await Promise.all(
    children
      .split(" ")
      .filter(Boolean)
      .map((child) => listTree(Number(child))),
  );
  return [pid, ...below.flat()];
}

/** Proportional set size: a page that four ffmpegs share counts a quarter for each. */
async function readPss(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0);
}
