import type { Job, JobRef } from "../core/job.ts";
import type { JobStore } from "../core/ports.ts";

type Listener = (job: Job) => void;

interface Watch {
  readonly listeners: Set<Listener>;
  readonly timer: NodeJS.Timeout;
  last: Job | undefined;
  looking: boolean;
}

/** Looks at a watched job once for all who watch it, and tells them when it changed. */
export class JobWatcher {
  readonly #jobs: Pick<JobStore, "get">;
  readonly #everyMs: number;
  readonly #watches = new Map<string, Watch>();

  constructor(jobs: Pick<JobStore, "get">, everyMs: number) {
    this.#jobs = jobs;
    this.#everyMs = everyMs;
  }

  /** @returns a function that ends the watch */
  watch(ref: JobRef, listener: Listener): () => void {
    const name = `${ref.owner}/${ref.jobId}`;
    let watch = this.#watches.get(name);
    if (watch === undefined) {
      const timer = setInterval(() => void this.#look(name, ref), this.#everyMs);
      watch = { listeners: new Set(), timer, last: undefined, looking: false };
      this.#watches.set(name, watch);
    }
    watch.listeners.add(listener);
    if (watch.last !== undefined) listener(watch.last);
    else void this.#look(name, ref);
    return () => {
      watch.listeners.delete(listener);
      if (watch.listeners.size > 0) return;
      clearInterval(watch.timer);
      if (this.#watches.get(name) === watch) this.#watches.delete(name);
    };
  }

  async #look(name: string, ref: JobRef): Promise<void> {
    const watch = this.#watches.get(name);
    if (watch === undefined || watch.looking) return;
    watch.looking = true;
    try {
      const job = await this.#jobs.get(ref);
      if (job === undefined || eventIdOf(job) === (watch.last && eventIdOf(watch.last))) return;
      watch.last = job;
      for (const listener of [...watch.listeners]) listener(job);
    } catch {
      // The store does not answer for a moment; the next look may.
    } finally {
      watch.looking = false;
    }
  }
}

/** Names one state of a job that can be told apart from others: grows with every change. */
export const eventIdOf = (job: Job): string => `${job.version}-${job.phase}-${Math.floor(job.progress.percent)}`;
