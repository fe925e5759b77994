import type { DomainEvent } from "./events.ts";
import type { Job, JobOutput, JobPhase, JobRef, JobStatus, KindName, Lane, Progress, Size } from "./job.ts";

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls once, `delayMs` from now by this clock; the result takes it back. @default the process's own timers */
  after?(delayMs: number, call: () => void): () => void;
}

/** A worker's sign of life, kept beside the job so that it costs one small write. */
export interface RunPulse {
  readonly runId: string;
  readonly phase: JobPhase;
  readonly progress: Progress;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export interface JobPage {
  readonly jobs: readonly Job[];
  /** Where the next page begins; `null` on the last. Opaque. */
  readonly next: string | null;
}

export interface JobQuery {
  readonly status?: JobStatus | undefined;
  readonly kind?: KindName | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}

/** The truth about jobs. Every write is conditional. Adapters refuse what `findIllegalChange` names. */
export interface JobStore {
  /**
   * Creates the job, or returns the one that stands under its id or under `idempotencyKey` (both scoped to the owner).
   * The job, its key and its event are one write.
   * @throws MixdownError `idempotency_mismatch` when what stands there was made from another payload
   */
  create(job: Job, idempotencyKey?: string): Promise<{ job: Job; created: boolean }>;
  /** The job with its latest phase and progress, or `undefined`. */
  get(ref: JobRef): Promise<Job | undefined>;
  /**
   * Writes `after` in place of `before`, with the event that the change means, in one write. False, and nothing
   * written, when another write was first. A claim (queued to running) also begins the run's pulse.
   */
  update(before: Job, after: Job): Promise<boolean>;
  /** Records a pulse. False when the run no longer holds the job. Percent never goes down inside a run. */
  recordPulse(ref: JobRef, pulse: RunPulse): Promise<boolean>;
  /** The last pulse of the run that holds the job. */
  getPulse(ref: JobRef): Promise<RunPulse | undefined>;
  /** All jobs that are not terminal, in any order. For the start of a platform: it reads every one of them. */
  listActive(): AsyncIterable<Job>;
  /**
   * Jobs whose `dueTimeOf` is `now` (milliseconds since the epoch) or earlier, in any order, by an index: it must cost
   * little while thousands of jobs wait that are not due. Complete, apart from what is written while it is read.
   */
  listDue(now: number): AsyncIterable<Job>;
  /** Queued jobs whose `waitsFor.jobId` is this job, oldest first. */
  listWaitingFor(ref: JobRef): Promise<readonly Job[]>;
  /** An owner's jobs, newest first. @throws MixdownError `invalid_cursor` */
  list(owner: string, query: JobQuery): Promise<JobPage>;
}

export interface QueueMessage {
  readonly id: string;
  readonly body: string;
  readonly groupId: string;
  /** How often it was handed out, this time included. */
  readonly receiveCount: number;
  /** Valid until the visibility timeout passes or it is handed out again. */
  readonly receipt: string;
}

/** First in, first out within a group; at least once; a group is blocked while one of its messages is out. */
export interface JobQueue {
  /** A repeat of `deduplicationId` within five minutes is accepted and dropped. */
  send(message: { body: string; groupId: string; deduplicationId: string }): Promise<void>;
  /** Up to `max` (1-10) messages, hidden for the visibility timeout of the queue. Does not wait. */
  receive(max: number): Promise<readonly QueueMessage[]>;
  /** Done with it. A receipt that is no longer valid changes nothing. */
  acknowledge(receipt: string): Promise<void>;
  /** Hands it back at once. Beyond `maxReceiveCount` receives it becomes a dead letter instead. */
  release(receipt: string): Promise<void>;
  /** Takes it out of the queue as a dead letter, with the reason as an attribute. */
  reject(message: QueueMessage, reason: string): Promise<void>;
  /** Dead letters that no consumer has taken yet; same visibility rules. */
  receiveDeadLetters(max: number): Promise<readonly (QueueMessage & { readonly reason: string })[]>;
}

export interface DeadLetter {
  readonly id: string;
  readonly body: string;
  readonly reason: string;
  /** ISO 8601. */
  readonly at: string;
  readonly expiresAt: string;
}

/** What could not be processed, kept for a person. */
export interface DeadLetterStore {
  /** The same id again changes nothing. The event, when given, is stored in the same write. */
  put(letter: DeadLetter, event?: DomainEvent): Promise<void>;
  list(): Promise<readonly DeadLetter[]>;
  remove(id: string): Promise<void>;
}

export interface ObjectInfo {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  readonly contentType: string;
  /** Only when the store itself verified it. */
  readonly sha256: string | null;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

/** Files by key. A put is visible whole or not at all. Keys cannot escape the store. */
export interface ObjectStore {
  head(key: string): Promise<ObjectInfo | undefined>;
  /** Uploads a local file. @throws MixdownError `platform_disk_full` */
  putFile(key: string, path: string, contentType: string): Promise<ObjectInfo>;
  /** Makes the object's content available as a new local file at `path`. @throws MixdownError `input_not_found` */
  getFile(key: string, path: string): Promise<ObjectInfo>;
  list(prefix: string): AsyncIterable<ObjectInfo>;
  /** Gone, or was never there. */
  remove(key: string): Promise<void>;
}

export interface CacheManifest {
  readonly outputs: readonly JobOutput[];
  readonly report: Job["report"];
  readonly warnings: Job["warnings"];
  readonly engine: Job["engine"];
  readonly expiresAt: string;
}

/** One processing per key: a lease while a leader works, its manifest afterwards. */
export interface CacheEntry {
  readonly key: string;
  readonly holder: JobRef & { readonly attempt: number };
  /** Milliseconds since the epoch; a lease past it may be taken over. */
  readonly leaseUntil: number;
  readonly manifest: CacheManifest | null;
}

export interface ResultCache {
  get(key: string): Promise<CacheEntry | undefined>;
  /** Puts `entry` where exactly `expected` stands (same holder, lease and manifest or none; `undefined`: nothing). */
  swap(expected: CacheEntry | undefined, entry: CacheEntry): Promise<boolean>;
  /** Removes exactly `expected`. */
  remove(expected: CacheEntry): Promise<boolean>;
}

export interface LaunchRequest {
  readonly ref: JobRef;
  readonly attempt: number;
  readonly lane: Lane;
  readonly size: Size;
  /** The same token launches once, however often it is asked. */
  readonly clientToken: string;
}

/** Starts the worker for one attempt. @throws MixdownError `capacity_*` or `platform_launch_failed` */
export interface TaskLauncher {
  launch(request: LaunchRequest): Promise<{ taskId: string }>;
  /** SIGTERM, a grace, SIGKILL for whatever the task started. A task that is gone is fine. */
  stop(taskId: string): Promise<void>;
  /** Whether the task may still be at work. */
  isAlive(taskId: string): Promise<boolean>;
}

/** The change feed: what happened, in order, at least once to each reader. */
export interface EventLog {
  /** Events after `position` (0: from the beginning), oldest first. */
  read(position: number, limit: number): Promise<readonly { position: number; event: DomainEvent }[]>;
}
