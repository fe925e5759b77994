import { setImmediate as otherWork } from "node:timers/promises";
import type { Clock } from "../../core/ports.ts";

interface Appointment {
  readonly at: number;
  /** Ties are kept in the order in which they were made. */
  readonly order: number;
  call: (() => void) | null;
}

/**
 * Time that passes only when everybody waits: one appointment after the other is called, and the next one only when
 * all that it set going waits again. The same appointments therefore always come in the same order.
 */
export class VirtualTime {
  readonly #heap: Appointment[] = [];
  #now: number;
  #made = 0;
  #atWork = 0;
  readonly clock: Required<Clock>;

  constructor(startMs: number) {
    this.#now = startMs;
    this.clock = { now: () => this.#now, after: (delayMs, call) => this.after(delayMs, call) };
  }

  /** Time goes by whole milliseconds, as the stores keep it. */
  after(delayMs: number, call: () => void): () => void {
    const appointment: Appointment = { at: this.#now + Math.max(0, Math.ceil(delayMs)), order: this.#made++, call };
    this.#push(appointment);
    return () => {
      appointment.call = null;
    };
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.after(delayMs, resolve));
  }

  /** Real work: time stands still until it is done. */
  async work<T>(call: () => Promise<T>): Promise<T> {
    this.#atWork += 1;
    try {
      return await call();
    } finally {
      this.#atWork -= 1;
    }
  }

  /** The same for what is read piece by piece. */
  async *workThrough<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
    const iterator = items[Symbol.asyncIterator]();
    for (;;) {
      const step = await this.work(() => iterator.next());
      if (step.done === true) return;
      yield step.value;
    }
  }

  /** Lets time pass until `isDone`, or until nothing is planned any more. */
  async run(isDone: () => boolean): Promise<void> {
    await this.#becomeQuiet();
    while (!isDone()) {
      const next = this.#pop();
      if (next === undefined) return;
      if (next.call === null) continue;
      this.#now = next.at;
      next.call();
      await this.#becomeQuiet();
    }
  }

  /** Promises are followed up within one turn of the event loop; a group commit of SQLite takes another. */
  async #becomeQuiet(): Promise<void> {
    do await otherWork();
    while (this.#atWork > 0);
  }

  #push(appointment: Appointment): void {
    const heap = this.#heap;
    let index = heap.push(appointment) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, appointment)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = appointment;
  }

  #pop(): Appointment | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      if (left === undefined) break;
      const [child, below] =
        right !== undefined && isBefore(right, left) ? [2 * index + 2, right] : [2 * index + 1, left];
      if (!isBefore(below, last)) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
    return first;
  }
}

const isBefore = (a: Appointment, b: Appointment): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
