import { spawn } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MixdownError } from "../../core/errors.ts";
import type { Interrupt } from "./interrupt.ts";

export interface ToolRun {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly interrupt: Interrupt;
  /** File that gets what the tool says, after what is there. Without one it is only returned. */
  readonly logFile?: string;
}

export interface ToolResult {
  /** 0 to 255; a tool that a signal ended has 128 and more. */
  readonly code: number;
  readonly stdout: string;
  /** Both streams in the order in which they were written, when there is a log; else stderr. */
  readonly said: string;
}

/**
 * Runs a tool to its end. What it says goes to files, never through a pipe to this process: were this one killed, a pipe
 * would kill Terraform at its next word, in the middle of what it does.
 * @throws MixdownError `platform_tool_missing` when there is no such tool
 */
export async function runTool(run: ToolRun): Promise<ToolResult> {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-tool-"));
  const outFile = join(folder, "stdout");
  const errFile = run.logFile ?? join(folder, "stderr");
  mkdirSync(dirname(errFile), { recursive: true });
  const err = openSync(errFile, "a");
  const out = run.logFile === undefined ? openSync(outFile, "a") : err;
  const begin = readFileSync(errFile).length;
  if (run.logFile !== undefined) writeSync(err, `\n$ ${run.command} ${run.args.join(" ")}\n`);
  try {
    const code = await waitForEnd(run, out, err);
    const said = readFileSync(errFile).subarray(begin).toString();
    return { code, stdout: out === err ? said : readFileSync(outFile, "utf8"), said };
  } finally {
    closeSync(err);
    if (out !== err) closeSync(out);
    rmSync(folder, { recursive: true, force: true });
  }
}

function waitForEnd({ command, args, cwd, env, interrupt }: ToolRun, out: number, err: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { cwd, env, detached: true, stdio: ["ignore", out, err] });
    const forget = child.pid === undefined ? () => {} : interrupt.passTo(child.pid);
    child.once("error", (cause: NodeJS.ErrnoException) => {
      forget();
      reject(
        new MixdownError("platform_tool_missing", {
          message: `${command} cannot be started (${cause.code ?? cause.message}); install it, or put it on PATH.`,
          cause,
        }),
      );
    });
    child.once("close", (code, signal) => {
      forget();
      resolve(code ?? (signal === null ? 1 : 128));
    });
  });
}
