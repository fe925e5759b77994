import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A script of the checkout, run as `npm run` does, in another folder. */
export class ScriptRun {
  readonly #child: ChildProcess;
  #stdout = "";
  #stderr = "";

  constructor(script: string, args: readonly string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
    const path = fileURLToPath(new URL(`../../scripts/${script}`, import.meta.url));
    this.#child = spawn(process.execPath, [path, ...args], { ...options, stdio: ["ignore", "pipe", "pipe"] });
    this.#child.stdout?.setEncoding("utf8").on("data", (chunk) => {
      this.#stdout += chunk;
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk) => {
      this.#stderr += chunk;
    });
  }

  /** Ends when it has said `what`, or has ended. */
  async until(what: string): Promise<void> {
    while (!this.#stderr.includes(what) && this.#child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async end(): Promise<{ code: number | null; stdout: string; stderr: string }> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "close");
    return { code: this.#child.exitCode, stdout: this.#stdout, stderr: this.#stderr };
  }
}
