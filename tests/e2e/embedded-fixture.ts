import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type EmbeddedPlatform, openEmbedded } from "../../cli/wiring.ts";
import { readEmbeddedConfig } from "../../config/embedded.ts";
import { isTerminal, type Job } from "../../core/job.ts";
import { submit } from "../../core/submit.ts";
import { findMarked } from "./process-tree.ts";

const main = fileURLToPath(new URL("../../cli/main.ts", import.meta.url));

/** A data folder of its own, real platform processes on it, and what a test wants to know of them. */
export class EmbeddedFixture {
  readonly dataDir: string;
  readonly #embedded: EmbeddedPlatform;
  readonly #children: ChildProcess[] = [];

  private constructor(dataDir: string, embedded: EmbeddedPlatform) {
    this.dataDir = dataDir;
    this.#embedded = embedded;
  }

  static async open(): Promise<EmbeddedFixture> {
    const dataDir = mkdtempSync(join(tmpdir(), "mixdown-e2e-"));
    return new EmbeddedFixture(dataDir, await openEmbedded(readEmbeddedConfig({ MIXDOWN_DATA: dataDir })));
  }

  get platform() {
    return this.#embedded.platform;
  }
  get events() {
    return this.#embedded.events;
  }

  /** Starts `mixdown dev` on the folder, and on any free port by default; resolves when it says that it is running, or has ended. */
  async start(port = 0): Promise<ChildProcess & { text: string }> {
    const child = Object.assign(
      spawn(process.execPath, [main, "dev", "--data", this.dataDir], {
        env: { ...process.env, MIXDOWN_DATA: this.dataDir, MIXDOWN_WORKERS: "2", MIXDOWN_PORT: String(port) },
        stdio: ["ignore", "pipe", "pipe"],
      }),
      { text: "" },
    );
    this.#children.push(child);
    const ready = new Promise<void>((resolve) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.setEncoding("utf8").on("data", (text: string) => {
          child.text += text;
          if (child.text.includes("is running")) resolve();
        });
      }
    });
    await Promise.race([ready, once(child, "close")]);
    return child;
  }

  /** Puts `seconds` of pink noise into the store. */
  async putNoise(key: string, seconds: number): Promise<void> {
    const path = join(this.dataDir, "source.wav");
    const made = spawnSync("sox", `-n -r 48000 -c 2 ${path} synth ${seconds} pinknoise vol 0.2`.split(" "));
    if (made.status !== 0) throw new Error(`sox: ${made.stderr}`);
    await this.platform.objects.putFile(key, path, "audio/wav");
    rmSync(path);
  }

  submit = async (request: object): Promise<Job> => (await submit(this.platform, request, { owner: "local" })).job;

  get = (jobId: string): Promise<Job | undefined> => this.platform.jobs.get({ owner: "local", jobId });

  /** Waits until the job is as `seen` wants it. */
  async until(jobId: string, seen: (job: Job) => boolean, limitMs = 30_000): Promise<Job> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const job = await this.get(jobId);
      if (job !== undefined && seen(job)) return job;
      if (Date.now() > deadline) throw new Error(`${jobId} is still ${job?.status}/${job?.phase} after ${limitMs} ms`);
      await sleep(20);
    }
  }

  ended = (jobId: string): Promise<Job> => this.until(jobId, (job) => isTerminal(job.status));

  /** Everything that still runs for this folder. */
  processes = (): string[] => findMarked(this.dataDir).map((found) => found.command);

  async quiet(limitMs = 8_000): Promise<string[]> {
    const deadline = Date.now() + limitMs;
    while (this.processes().length > 0 && Date.now() < deadline) await sleep(30);
    return this.processes();
  }

  async close(): Promise<void> {
    for (const { pid } of findMarked(this.dataDir)) process.kill(pid, "SIGKILL");
    for (const child of this.#children)
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    await this.#embedded.close();
    rmSync(this.dataDir, { recursive: true, force: true });
  }
}
