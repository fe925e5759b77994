import { isTerminal, type Job, type Lane, type Size } from "../../core/job.ts";
import { workerUsd } from "../../core/job-cost.ts";
import type { DeadLetter, JobStore } from "../../core/ports.ts";

/** What was promised about one job, and what was seen of it. */
interface Entry {
  readonly arrivedAt: number;
  /** The caller was told so, or a valid message was put into the queue. */
  accepted: boolean;
  stored: boolean;
  /** Ends that were written since the last explicit retry. */
  ends: number;
  startedAt: number | null;
}

/** Somebody relies on it, and it has not ended. */
const isOutstanding = (entry: Entry): boolean => (entry.accepted || entry.stored) && entry.ends === 0;

/** Keeps account of every job from outside the platform: by what callers were told, and by what stores said they wrote. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;
  outstanding = 0;
  ended = 0;
  attempts = 0;
  retries = 0;
  cached = 0;
  /** Ends beyond the one that a job has. */
  doubled = 0;
  lastEndAt = 0;
  /** When for the first time nothing was outstanding any more. */
  drainedAt = 0;
  /** Seconds that workers were there, by lane and size. */
  readonly workSeconds = new Map<string, number>();
  /** What they cost, also those that claimed no job. */
  workUsd = 0;
  /** Bodies that fit no job: each must be found as a dead letter. */
  readonly poison = new Set<string>();
  /** As they stood before anybody looked after them. */
  letters: readonly DeadLetter[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  arrive(jobId: string): void {
    this.#entries.set(jobId, { arrivedAt: this.#now(), accepted: false, stored: false, ends: 0, startedAt: null });
  }

  accept(jobId: string): void {
    this.#change(jobId, (entry) => {
      entry.accepted = true;
    });
  }

  /** The store as before, with every write that it says it made taken down. */
  watch(jobs: JobStore): JobStore {
    return {
      ...jobs,
      create: async (job, idempotencyKey) => {
        const answer = await jobs.create(job, idempotencyKey);
        this.#change(job.jobId, (entry) => {
          entry.stored = true;
        });
        return answer;
      },
      update: async (before, after) => {
        const written = await jobs.update(before, after);
        if (written) this.#change(after.jobId, (entry) => this.#note(entry, before, after));
        return written;
      },
    };
  }

  noteWork(lane: Lane, size: Size, ms: number): void {
    this.workUsd += workerUsd(lane, size, ms / 1_000) ?? 0;
    const name = `${lane} ${size}`;
    this.workSeconds.set(name, (this.workSeconds.get(name) ?? 0) + ms / 1_000);
  }

  #change(jobId: string, change: (entry: Entry) => void): void {
    const entry = this.#entries.get(jobId);
    if (entry === undefined) return;
    const before = Number(isOutstanding(entry));
    change(entry);
    this.outstanding += Number(isOutstanding(entry)) - before;
  }

  #note(entry: Entry, before: Job, after: Job): void {
    if (isTerminal(before.status) && !isTerminal(after.status)) {
      entry.ends = 0;
      return;
    }
    if (before.status === "queued" && after.status === "running") this.attempts += 1;
    if (!isTerminal(after.status) && after.attempt > before.attempt) this.retries += 1;
    if (after.status === "running" || after.cached) entry.startedAt ??= this.#now();
    if (!isTerminal(after.status)) return;
    this.lastEndAt = this.#now();
    if (after.cached) this.cached += 1;
    entry.ends += 1;
    if (entry.ends === 1) this.ended += 1;
    else this.doubled += 1;
  }

  get jobIds(): readonly string[] {
    return [...this.#entries.keys()];
  }

  isAccepted = (jobId: string): boolean => this.#entries.get(jobId)?.accepted === true;

  /** From arrival to the first start, or to the cache's answer; milliseconds, sorted. */
  listWaits(): Float64Array {
    const waits: number[] = [];
    for (const { arrivedAt, startedAt } of this.#entries.values())
      if (startedAt !== null) waits.push(startedAt - arrivedAt);
    return Float64Array.from(waits).sort();
  }
}
