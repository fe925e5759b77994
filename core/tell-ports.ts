import type { DomainEvent } from "./events.ts";

/** Where events go out of the platform, to whoever listens. */
export interface EventBus {
  /** In the given order. @returns those that were not taken, to be published again */
  publish(events: readonly DomainEvent[]): Promise<readonly DomainEvent[]>;
}

export interface DeliveryTurn {
  readonly owner: string;
  readonly deliveryId: string;
  /** Number of the attempt that is due then, from 1. */
  readonly attempt: number;
}

/** Brings a delivery's next attempt about, hours or days later. */
export interface DeliveryScheduler {
  /** Nothing happens where this attempt was scheduled before. @param at ISO 8601 */
  schedule(turn: DeliveryTurn, at: string): Promise<void>;
}

/** A job as a table of somebody else's shows it: `mixdown_jobs` over PostgREST. */
export interface StatusRow {
  readonly job_id: string;
  readonly status: string;
  readonly percent: number;
  readonly outputs: unknown;
  readonly error: unknown;
  readonly version: number;
  readonly updated_at: string;
}

export interface StatusTable {
  /** Writes the row unless a later one stands there: a higher version, or more percent of the same. */
  upsert(row: StatusRow): Promise<void>;
}
