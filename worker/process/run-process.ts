import { type ChildProcess, spawn } from "node:child_process";
import type { Duplex, Readable, Writable } from "node:stream";
import { limits } from "../../core/limits.ts";
import { buildLaunchPrefix, findLaunchers, type ProcessLimits } from "./launch-prefix.ts";
import { ProcessError, type ProcessResult } from "./process-error.ts";
import { StderrTail } from "./stderr-tail.ts";
import { sharedWatchdog } from "./watchdog.ts";

export interface ProcessOptions {
  /** Aborting sends SIGTERM, after the grace SIGKILL, to the whole group; `done` rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly cwd?: string | undefined;
  /** @default this process's environment */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** @default limits.processGraceMs */
  readonly graceMs?: number | undefined;
  /** Wall time after which it is ended as by `signal`. @default none */
  readonly timeoutMs?: number | undefined;
  /** @default limits.childProcess */
  readonly bounds?: Partial<ProcessLimits> | undefined;
}

export interface StartOptions extends ProcessOptions {
  /**
   * `pipe` gives `stdin`. A running child's `stdout` hands that pipe over to this one without passing through us: it
   * must be handed over in the same tick in which that child was started, and is closed here.
   * @default "ignore"
   */
  readonly stdin?: "pipe" | "ignore" | Readable | undefined;
  /** Pipes on descriptors 3, 4, …, in `pipes`. @default 0 */
  readonly extraPipes?: number | undefined;
}

export interface StartedProcess {
  readonly pid: number | undefined;
  /** A writer must expect EPIPE when the child ends early; `done` says why it did. */
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  /** Descriptors 3 and up. */
  readonly pipes: readonly Duplex[];
  /** Resolves when the child ended with 0 and its pipes are closed; else rejects with ProcessError or the abort's reason. */
  readonly done: Promise<ProcessResult>;
}

/**
 * Starts `file` in a process group of its own, bounded in resources, ended with us (see launch-prefix and watchdog).
 * Every stream in the result must be read, or the child may block.
 */
export function startProcess(file: string, args: readonly string[], options: StartOptions = {}): StartedProcess {
  options.signal?.throwIfAborted();
  const argv = [file, ...args];
  const [command = file, ...rest] = [...buildLaunchPrefix({ ...limits.childProcess, ...options.bounds }), ...argv];
  const startedAt = performance.now();
  const stdin = options.stdin ?? "ignore";
  const child = spawn(command, rest, {
    // A group of its own: Ctrl-C in a terminal reaches us, and we end it in order; and a kill reaches its children.
    detached: true,
    stdio: [stdin, "pipe", "pipe", ...Array.from({ length: options.extraPipes ?? 0 }, () => "pipe" as const)],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  if (typeof stdin !== "string") stdin.destroy();
  const tail = new StderrTail(limits.stderrTailBytes);
  child.stderr?.on("data", (chunk: Buffer) => tail.push(chunk));
  // A child that ends early breaks the writer's pipe; that is told by `done`, not by an uncaught error.
  for (const stream of child.stdio) stream?.on("error", () => {});
  const done = watchEnd(child, argv, tail, startedAt, options);
  // The caller may look at the streams first; a rejection in the meantime is not an unhandled one.
  done.catch(() => {});
  return {
    pid: child.pid,
    stdin: child.stdin,
    stdout: child.stdout as Readable,
    pipes: child.stdio.slice(3) as Duplex[],
    done,
  };
}

/** Runs `file` to its end and gives its stdout too, at most `limits.processStdoutBytes`. Throws as `done` does. */
export async function runProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions & { readonly input?: string | Buffer } = {},
): Promise<ProcessResult & { readonly stdout: Buffer }> {
  const child = startProcess(file, args, { ...options, stdin: options.input === undefined ? "ignore" : "pipe" });
  child.stdin?.end(options.input);
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= limits.processStdoutBytes) chunks.push(chunk);
  });
  const result = await child.done;
  return { ...result, stdout: Buffer.concat(chunks) };
}

function watchEnd(
  child: ChildProcess,
  argv: readonly string[],
  tail: StderrTail,
  startedAt: number,
  options: ProcessOptions,
): Promise<ProcessResult> {
  const { promise, resolve, reject } = Promise.withResolvers<ProcessResult>();
  const { signal } = options;
  let timedOut = false;
  let ending = false;
  let graceTimer: NodeJS.Timeout | undefined;
  let wallTimer: NodeJS.Timeout | undefined;
  const watchdog = findLaunchers().setpriv === null && process.platform !== "win32" ? sharedWatchdog() : null;
  const group = child.pid;
  if (group !== undefined) watchdog?.watch(group);

  const end = (): void => {
    if (ending) return;
    ending = true;
    killGroup(child, "SIGTERM");
    graceTimer = setTimeout(() => killGroup(child, "SIGKILL"), options.graceMs ?? limits.processGraceMs);
  };
  const settle = (exitCode: number | null, endSignal: NodeJS.Signals | null, cause?: unknown): void => {
    clearTimeout(graceTimer);
    clearTimeout(wallTimer);
    signal?.removeEventListener("abort", end);
    if (group !== undefined) watchdog?.release(group);
    const durationMs = performance.now() - startedAt;
    const result: ProcessResult = {
      argv,
      exitCode,
      signal: endSignal,
      durationMs,
      timedOut,
      stderrTail: tail.toString(),
    };
    if (signal?.aborted === true) reject(signal.reason);
    else if (exitCode === 0 && !timedOut) resolve(result);
    else reject(new ProcessError(result, cause));
  };

  signal?.addEventListener("abort", end, { once: true });
  if (options.timeoutMs !== undefined) {
    wallTimer = setTimeout(() => {
      timedOut = true;
      end();
    }, options.timeoutMs);
  }
  child.once("error", (cause) => {
    // Also emitted when a signal could not be sent; only a child that never was has no pid.
    if (child.pid === undefined) settle(null, null, cause);
  });
  // Once the leader is gone, what is left of an ended group holds our pipes open and has had its grace.
  child.once("exit", () => ending && killGroup(child, "SIGKILL"));
  child.once("close", (exitCode, endSignal) => settle(exitCode, endSignal));
  return promise;
}

function killGroup(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? child.pid : -child.pid, name);
  } catch {
    // ESRCH: it was faster.
  }
}
