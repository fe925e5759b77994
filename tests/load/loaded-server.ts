import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { openEmbedded } from "../../cli/wiring.ts";
import { readEmbeddedConfig } from "../../config/embedded.ts";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));
export const openStore = (dataDir: string) => openEmbedded(readEmbeddedConfig({ MIXDOWN_DATA: dataDir }));

/**
 * Room for the heap, MB. V8 lets garbage lie as long as there is room, which looks like a leak for minutes; with
 * little room, memory that stays flat means that nothing is kept, and a real leak ends the process.
 */
const heapFlags = ["--max-old-space-size=96", "--max-semi-space-size=8"];

/** `mixdown dev` without a rate limit, on a folder of its own. */
export class LoadedServer {
  readonly url: string;
  readonly pid: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, ready: { readonly url: string; readonly pid: number }) {
    this.#child = child;
    this.url = ready.url;
    this.pid = ready.pid;
  }

  static async start(dataDir: string, workers: number): Promise<LoadedServer> {
    const flags = ["--json", "--data", dataDir, "--workers", String(workers), "--port", "0", "--host", "127.0.0.1"];
    const child = spawn(process.execPath, [...heapFlags, main, "dev", ...flags], {
      env: { ...process.env, MIXDOWN_REQUESTS_PER_SECOND: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) {
      text += chunk;
      if (text.includes("\n")) return new LoadedServer(child, JSON.parse(text));
    }
    throw new Error("the platform ended before it was ready");
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async end(signal: "SIGKILL" | "SIGINT"): Promise<void> {
    if (this.hasEnded) return;
    const exited = once(this.#child, "exit");
    this.#child.kill(signal);
    await exited;
  }

  /** Resident memory, MB. */
  readMemory(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? "0") / 1024;
  }

  /** Processor time used so far, seconds. */
  readCpu(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** @returns the id of a job that was answered 202. @throws when it was answered otherwise, or not at all */
  async submit(body: object): Promise<string> {
    const headers = { "content-type": "application/json" };
    const response = await fetch(`${this.url}/v1/jobs`, { method: "POST", headers, body: JSON.stringify(body) });
    if (response.status !== 202) throw new Error(`a submit was answered ${response.status}: ${await response.text()}`);
    return ((await response.json()) as { jobId: string }).jobId;
  }
}
