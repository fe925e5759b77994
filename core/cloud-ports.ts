import type { DomainEvent } from "./events.ts";
import type { Job } from "./job.ts";

// Ports that only a platform of many machines has.

/** Tells others what happened. */
export interface EventPublisher {
  /** @returns the events that were not accepted, to be sent again. A repeat carries the same id. */
  publish(events: readonly DomainEvent[]): Promise<readonly DomainEvent[]>;
}

/** Calls that are made once, at a time: minutes to days from now. */
export interface CallScheduler {
  /** The same name again replaces nothing and is fine. `at` is in milliseconds since the epoch, kept to a minute. */
  schedule(call: { readonly name: string; readonly at: number; readonly payload: unknown }): Promise<void>;
  /** Gone, or was never there. */
  cancel(name: string): Promise<void>;
}

/** Secrets of an environment. */
export interface SecretReader {
  /** `undefined`: not set. */
  get(name: string): Promise<string | undefined>;
}

/** The caller's own table of jobs, for pages that watch it. */
export interface StatusTable {
  /** Writes what is newer than what stands there; anything older is dropped. */
  put(job: Job): Promise<void>;
}
