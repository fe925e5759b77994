import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
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
  /** A task's end, after everything it had started is gone. `close` waits for what is returned. */
  readonly onExit: (exit: TaskExit) => void | Promise<void>;
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
  /** When it is gone and `onExit` has heard of it. */
  readonly ended: Promise<void>;
}

/** util-linux' setpriv lets a worker die with the platform, even by kill -9. Elsewhere its IPC channel's end tells it. */
const setpriv = "/usr/bin/setpriv";
/** Tokens that are remembered: a repeat of a launch comes within moments. */
const rememberedTokens = 10_000;
/** What is still in a dead worker's pipe is read within this; a stray that holds it open must not hold us up. */
const drainMs = 500;

/** Workers as child processes, each the leader of a process group of its own, each with an IPC channel. */
export function createProcessLauncher(options: ProcessLauncherOptions): ProcessLauncher {
  const tasks = new Map<string, Task>();
  const launches = new Map<string, Promise<string>>();
  const prefix = process.platform === "linux" && existsSync(setpriv) ? [setpriv, "--pdeathsig", "KILL", "--"] : [];
  let closed = false;

  async function start(request: LaunchRequest): Promise<string> {
    // Never used twice, not even by the next platform: who asks for an old task must not meet a new one.
    const taskId = randomUUID();
    const child = spawnWorker(options, prefix, request);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    tasks.set(taskId, { child, ended });
    const tail = keepTail(child);
    options.serve(child);
    // Also emitted for a message that could not be sent; what matters is told by the exit.
    child.on("error", () => {});
    try {
      await once(child, "spawn");
    } catch (error) {
      tasks.delete(taskId);
      resolve();
      throw launchFailure(error);
    }
    void endOf(child).then(async ({ exitCode, endSignal }) => {
      tasks.delete(taskId);
      const { ref, attempt } = request;
      try {
        await options.onExit({ taskId, ref, attempt, exitCode, signal: endSignal, stderrTail: tail() });
      } finally {
        resolve();
      }
    });
    return taskId;
  }

  async function end({ child, ended }: Task): Promise<void> {
    // The worker alone, so that it can end its own children in order; the kill is for the whole group.
    signal(child, "SIGTERM");
    const timer = setTimeout(() => signalGroup(child, "SIGKILL"), options.graceMs);
    await ended.finally(() => clearTimeout(timer));
  }

  return {
    freeSlots: () => (closed ? 0 : options.slots - tasks.size),

    async launch(request) {
      const standing = launches.get(request.clientToken);
      if (standing !== undefined) return { taskId: await standing };
      if (closed || tasks.size >= options.slots) {
        throw new MixdownError("capacity_unavailable", {
          message: closed ? "The platform is stopping." : `All ${options.slots} workers are busy.`,
        });
      }
      const launch = start(request);
      launches.set(request.clientToken, launch);
      // What never started may be asked for again.
      launch.catch(() => launches.delete(request.clientToken));
      const oldest = launches.size > rememberedTokens ? launches.keys().next().value : undefined;
      if (oldest !== undefined) launches.delete(oldest);
      return { taskId: await launch };
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

function spawnWorker(
  { command, env, defaultOwner }: ProcessLauncherOptions,
  prefix: readonly string[],
  { ref, attempt }: LaunchRequest,
): ChildProcess {
  const [file = "", ...args] = [...prefix, ...command];
  try {
    return spawn(file, args, {
      detached: true,
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      // JSON would turn an argument that is `undefined` into `null`.
      serialization: "advanced",
      env: { ...env, MIXDOWN_JOB_ID: formatJobRef(ref, defaultOwner), MIXDOWN_ATTEMPT: String(attempt) },
    });
  } catch (error) {
    throw launchFailure(error);
  }
}

/** A machine that is out of processes, files or memory has some again later; anything else will not mend itself. */
function launchFailure(cause: unknown): MixdownError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  const passing = /\b(EAGAIN|ENOMEM|EMFILE|ENFILE)\b/.test(detail);
  return new MixdownError(passing ? "capacity_unavailable" : "platform_launch_failed", {
    message: `The worker could not be started: ${detail}.`,
    cause,
  });
}

/** Reads stderr to its end and keeps the last of it. */
function keepTail(child: ChildProcess): () => string {
  let tail = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    tail = (tail + text).slice(-limits.stderrTailBytes);
  });
  return () => tail;
}

/** Waits for the worker's end, ends what is left of its group, and waits for the last words in its pipe. */
async function endOf(child: ChildProcess): Promise<{ exitCode: number | null; endSignal: NodeJS.Signals | null }> {
  const drained = new Promise((resolve) => child.once("close", resolve));
  const [exitCode, endSignal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  // Nothing may go on working for a run that is over.
  signalGroup(child, "SIGKILL");
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise((resolve) => {
    timer = setTimeout(resolve, drainMs);
  });
  await Promise.race([drained, patience]);
  clearTimeout(timer);
  child.stderr?.destroy();
  if (child.connected) child.disconnect();
  return { exitCode, endSignal };
}

const signal = (child: ChildProcess, name: NodeJS.Signals): void => send(child.pid, name);
const signalGroup = (child: ChildProcess, name: NodeJS.Signals): void => send(child.pid && -child.pid, name);

function send(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, name);
  } catch {
    // ESRCH: it was faster.
  }
}
