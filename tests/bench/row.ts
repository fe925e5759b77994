import type { Reading } from "./measure-run.ts";

export interface Side {
  readonly name: string;
  /** One measured round; `round` lets a side use a fresh input each time. */
  run(round: number): Promise<Reading>;
}

export interface RowContext {
  /** Temporary folder of this row alone. */
  readonly folder: string;
  /** Short inputs, one round: whether it works, not how fast it is. */
  readonly quick: boolean;
}

export interface PreparedRow {
  readonly ours: Side;
  /** Without one the row is a time of its own. */
  readonly theirs?: Side;
  /** Length of the sound that is worked on, where the row's speed is of interest. */
  readonly audioSeconds?: number;
  close?(): Promise<void>;
}

/** What the median must be, of the comparison that the row is about. */
export type Bar =
  | { readonly type: "ratio"; readonly atMost: number }
  | { readonly type: "difference"; readonly atMostMs: number }
  | { readonly type: "time"; readonly atMostMs: number }
  | { readonly type: "memory"; readonly atMost: number };

export interface Row {
  readonly name: string;
  readonly work: string;
  readonly bar?: Bar;
  /** So long that it runs by its name alone, once, without a round before. */
  readonly isLong?: boolean;
  prepare(context: RowContext): Promise<PreparedRow>;
}
