import type { EventPublisher } from "./cloud-ports.ts";
import { MixdownError } from "./errors.ts";
import { buildProgressEvent } from "./events.ts";
import type { Job, JobOutput, JobPhase } from "./job.ts";
import { cacheKeyOf } from "./launch.ts";
import { limits } from "./limits.ts";
import { runPrefix } from "./object-keys.ts";
import type { Platform } from "./platform.ts";
import type { RunPulse } from "./ports.ts";
import type { Report, Warning } from "./report.ts";
import { type ResolvedInput, resolveInputs } from "./resolve-inputs.ts";

export type WorkPlatform = Pick<Platform, "jobs" | "queue" | "cache" | "objects" | "clock" | "settings"> & {
  /** Told of each tenth of a run, where a flag asks for it. */
  readonly progress?: EventPublisher | undefined;
};

/** A run's private folder and what processes files in it: the media engine, seen from the job. */
export interface Engine {
  /** Where the input number `index` is to be put. */
  inputPath(index: number, name: string): string;
  process(work: EngineWork): Promise<EngineResult>;
}

export interface EngineWork {
  readonly job: Job;
  readonly inputs: readonly { readonly path: string; readonly name: string; readonly role?: string | undefined }[];
  readonly signal: AbortSignal;
  onProgress(phase: "probing" | "processing", percent: number): void;
}

export interface EngineResult {
  readonly outputs: readonly {
    readonly name: string;
    readonly path: string;
    readonly contentType: string;
    readonly durationSeconds: number | null;
  }[];
  readonly report: Report;
  readonly warnings: readonly Warning[];
  readonly engine: NonNullable<Job["engine"]>;
}

export type AbortReason = "interrupted" | "timeout" | "lost";

/** What one claim owns while it works: its pulse, its time limit and its abort signal. */
export class Run {
  readonly #platform: WorkPlatform;
  readonly #job: Job;
  readonly #runId: string;
  readonly #abort = new AbortController();
  readonly #after: (delayMs: number, call: () => void) => () => void;
  readonly #stopTimeout: () => void;
  #stopHeartbeat = () => {};
  readonly #detach: () => void;
  #phase: JobPhase = "downloading";
  #percent = 0;
  #toldStep = 0;
  #lastPulse = { at: 0, percent: 0 };
  #pulsing: Promise<void> = Promise.resolve();
  abortReason: AbortReason | null = null;

  constructor(platform: WorkPlatform, job: Job, runId: string, interrupted: AbortSignal) {
    this.#platform = platform;
    this.#job = job;
    this.#runId = runId;
    const interrupt = () => this.#end("interrupted");
    if (interrupted.aborted) interrupt();
    interrupted.addEventListener("abort", interrupt, { once: true });
    this.#detach = () => interrupted.removeEventListener("abort", interrupt);
    this.#after = platform.clock.after ?? afterInProcess;
    this.#stopTimeout = this.#after(job.timeoutSeconds * 1_000, () => this.#end("timeout"));
    this.#beat();
  }

  #beat(): void {
    this.#stopHeartbeat = this.#after(limits.heartbeatMs, () => {
      this.#pulse();
      this.#lookForCancel();
      this.#beat();
    });
  }

  /** Downloads, processes and uploads. Rejects as soon as the run is aborted. */
  async work(engine: Engine): Promise<EngineResult & { stored: JobOutput[] }> {
    const inputs = await this.#download(engine);
    this.#enter("probing", 0);
    const result = await engine.process({
      job: this.#job,
      inputs,
      signal: this.#abort.signal,
      onProgress: (phase, percent) => this.#enter(phase, percent),
    });
    this.#enter("uploading", 100);
    const prefix = runPrefix(this.#job, this.#runId, this.#platform.settings.defaultOwner);
    const stored: JobOutput[] = [];
    for (const { name, path, contentType, durationSeconds } of result.outputs) {
      this.#abort.signal.throwIfAborted();
      const object = await this.#platform.objects.putFile(prefix + name, path, contentType);
      if (object.sha256 === null) throw new Error(`the store did not verify ${name}`);
      stored.push({
        name,
        key: object.key,
        contentType,
        sizeBytes: object.sizeBytes,
        sha256: object.sha256,
        durationSeconds,
      });
    }
    this.#abort.signal.throwIfAborted();
    await this.#pulsing;
    return { ...result, stored };
  }

  async #download(engine: Engine): Promise<{ path: string; name: string; role?: string | undefined }[]> {
    const resolved = await resolveInputs(this.#platform, this.#job);
    if ("waitFor" in resolved) throw changed(`job ${resolved.waitFor} runs again`);
    const files = [];
    const fetched: ResolvedInput[] = [];
    for (const [index, input] of resolved.inputs.entries()) {
      this.#abort.signal.throwIfAborted();
      const path = engine.inputPath(index, input.name);
      const object = await this.#platform.objects.getFile(input.object.key, path);
      if (object.etag !== input.object.etag) throw changed(`${input.name} was replaced`);
      files.push({ path, name: input.name, role: input.role });
      fetched.push(input);
    }
    // The result is stored under this key: it must speak of the bytes that were read, not of those at launch.
    if (this.#job.cacheKey !== cacheKeyOf(this.#platform, this.#job, fetched)) throw changed("an input was replaced");
    return files;
  }

  #enter(phase: JobPhase, percent: number): void {
    const now = this.#platform.clock.now();
    const entered = phase !== this.#phase;
    this.#phase = phase;
    this.#percent = Math.max(this.#percent, Math.min(100, percent));
    const step = this.#percent - this.#lastPulse.percent;
    if (entered || (step >= 5 && now - this.#lastPulse.at >= 100) || (step > 0 && now - this.#lastPulse.at >= 5_000))
      this.#pulse();
  }

  /** One pulse at a time; a lost claim ends the work. A store that does not answer is left to the heartbeat's limit. */
  #pulse(): void {
    const at = this.#platform.clock.now();
    this.#lastPulse = { at, percent: this.#percent };
    const progress = { percent: this.#percent, etaSeconds: this.#etaSeconds(at) };
    const pulse = { runId: this.#runId, phase: this.#phase, progress, at };
    this.#pulsing = this.#pulsing
      .then(() => this.#platform.jobs.recordPulse(this.#job, pulse))
      .then((held) => (held ? this.#tellProgress(pulse) : this.#end("lost")))
      .catch(() => undefined);
  }

  async #tellProgress(pulse: RunPulse): Promise<void> {
    const step = Math.floor(pulse.progress.percent / 10);
    // The end is told by the job itself.
    if (step <= this.#toldStep || step >= 10) return;
    this.#toldStep = step;
    await this.#platform.progress?.publish([buildProgressEvent(this.#job, pulse)]);
  }

  /** Not every machinery can be told to stop a worker; the worker finds out by itself, a heartbeat later. */
  #lookForCancel(): void {
    this.#platform.jobs
      .get(this.#job)
      .then((standing) => {
        if (standing?.runId === this.#runId && standing.cancelRequestedAt !== null) this.#end("interrupted");
      })
      .catch(() => undefined);
  }

  #etaSeconds(now: number): number | null {
    if (this.#percent < 3 || this.#job.startedAt === null) return null;
    const elapsedSeconds = (now - Date.parse(this.#job.startedAt)) / 1_000;
    return Math.round((elapsedSeconds * (100 - this.#percent)) / this.#percent);
  }

  #end(reason: AbortReason): void {
    this.abortReason ??= reason;
    this.#abort.abort(new MixdownError("platform_interrupted", { message: `The run ended early: ${reason}.` }));
  }

  close(): void {
    this.#stopHeartbeat();
    this.#stopTimeout();
    this.#detach();
  }
}

const changed = (what: string): MixdownError =>
  new MixdownError("input_changed", { message: `The inputs changed while the job ran: ${what}.`, retryable: true });

/** A timer's longest delay is 24.8 days, far beyond the largest time limit. */
function afterInProcess(delayMs: number, call: () => void): () => void {
  const timer = setTimeout(call, delayMs);
  return () => clearTimeout(timer);
}
