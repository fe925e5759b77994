import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { MixdownError } from "../../core/errors.ts";
import { formatJobRef, type JobRef } from "../../core/job.ts";
import { limits } from "../../core/limits.ts";
import type { LaunchRequest, TaskLauncher } from "../../core/ports.ts";

export interface ProcessLauncherOptions {
  /** The worker's command line. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly defaultOwner: string;
  /** Tasks at one time. */
  readonly slots: number;
  /** From SIGTERM to SIGKILL. */
  readonly graceMs: number;
  /** Answers the worker's calls over its IPC channel. */
  readonly serve: (child: ChildProcess) => void;
  readonly onExit: (exit: TaskExit) => void;
}

export interface TaskExit {
  readonly taskId: string;
  readonly ref: JobRef;
  readonly attempt: number;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderrTail: string;
}

export interface ProcessLauncher extends TaskLauncher {
  freeSlots(): number;
  /** Stops every task and waits until nothing of them is left. Nothing is launched any more. */
  close(): Promise<void>;
}

interface Task {
  readonly child: ChildProcess;
  readonly clientToken: string;
  readonly ended: Promise<void>;
}

/** util-linux' setpriv lets a worker die with the platform, even by kill -9. */
const setpriv = "/usr/bin/setpriv";
/** Tokens of ended tasks that are remembered: a repeat of a launch comes within moments. */
const rememberedTokens = 10_000;

/** Workers as child processes, each in a process group of its own. */
export function createProcessLauncher(options: ProcessLauncherOptions): ProcessLauncher {
  const tasks = new Map<string, Task>();
  const launched = new Map<string, string>();
  const prefix = process.platform === "linux" && existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
  let count = 0;
  let closed = false;

  function start(request: LaunchRequest): string {
    const taskId = `process-${process.pid}-${++count}`;
    const [command, ...args] = [...prefix, ...options.command] as [string, ...string[]];
    const child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      env: {
        ...options.env,
        MIXDOWN_JOB_ID: formatJobRef(request.ref, options.defaultOwner),
        MIXDOWN_ATTEMPT: String(request.attempt),
      },
    });
    let stderrTail = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderrTail = (stderrTail + text).slice(-limits.stderrTailBytes);
    });
    options.serve(child);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const settle = (exitCode: number | null, signal: NodeJS.Signals | null) => {
      if (!tasks.delete(taskId)) return;
      killGroup(child, "SIGKILL");
      options.onExit({ taskId, ref: request.ref, attempt: request.attempt, exitCode, signal, stderrTail });
      resolve();
    };
    tasks.set(taskId, { child, clientToken: request.clientToken, ended });
    // What the worker started ends with it: nothing may go on working for a run that is over.
    child.once("exit", () => killGroup(child, "SIGKILL"));
    child.once("close", settle);
    child.once("error", (error) => {
      if (child.pid !== undefined) return;
      stderrTail = error.message;
      settle(null, null);
    });
    return taskId;
  }

  async function end(task: Task): Promise<void> {
    killGroup(task.child, "SIGTERM", "leader only");
    const timer = setTimeout(() => killGroup(task.child, "SIGKILL"), options.graceMs);
    await task.ended;
    clearTimeout(timer);
  }

  return {
    freeSlots: () => (closed ? 0 : options.slots - tasks.size),
    async launch(request) {
      const standing = launched.get(request.clientToken);
      if (standing !== undefined) return { taskId: standing };
      if (closed || tasks.size >= options.slots) {
        throw new MixdownError("capacity_unavailable", { message: `All ${options.slots} workers are busy.` });
      }
      const taskId = start(request);
      launched.set(request.clientToken, taskId);
      const oldest = launched.size > rememberedTokens ? launched.keys().next().value : undefined;
      if (oldest !== undefined) launched.delete(oldest);
      return { taskId };
    },
    async stop(taskId) {
      const task = tasks.get(taskId);
      if (task !== undefined) await end(task);
    },
    isAlive: async (taskId) => tasks.has(taskId),
    async close() {
      closed = true;
      await Promise.all([...tasks.values()].map(end));
    },
  };
}

/** The worker is told alone, so that it can end its own children in order; a kill is for the whole group. */
function killGroup(child: ChildProcess, signal: NodeJS.Signals, whom: "group" | "leader only" = "group"): void {
  if (child.pid === undefined) return;
  try {
    process.kill(whom === "group" ? -child.pid : child.pid, signal);
  } catch {
    // ESRCH: it was faster.
  }
}
