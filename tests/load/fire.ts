import type { EventEmitter } from "node:events";
import { createRequire } from "node:module";
import { setTimeout as sleep } from "node:timers/promises";

interface Shot {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
interface Gun extends EventEmitter, PromiseLike<unknown> {}
type Autocannon = (options: Shot & Record<string, unknown>) => Gun;
const autocannon = createRequire(import.meta.url)("autocannon") as Autocannon;

export interface Fired {
  readonly count: number;
  readonly bad: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p975: number;
  readonly p99: number;
  readonly max: number;
}

/** Each gun sends this many requests once a second, over as many connections. */
const salvo = 5;

/**
 * Sends each shot `rate` times a second, spread evenly. One autocannon with a rate sends a second's requests in one go
 * at its beginning, and its correction for late answers reckons with one request a millisecond (its `run.js`:
 * `Math.ceil(1 / rate)`), which counts one slow answer of 200 ms two hundred times. So there are many guns here, each
 * a little later than the one before, and every answer is counted as it was measured.
 */
export async function fire(shots: readonly Shot[], rate: number, seconds: number): Promise<Fired[]> {
  const guns = Math.max(1, Math.round(rate / salvo));
  const measured = shots.map(() => ({ latencies: [] as number[], bad: 0 }));
  const ends: PromiseLike<unknown>[] = [];
  for (let index = 0; index < guns * shots.length; index += 1) {
    const turn = index % shots.length;
    const [shot, into] = [shots[turn], measured[turn]];
    if (shot === undefined || into === undefined) continue;
    const gun = autocannon({ ...shot, connections: salvo, overallRate: salvo, duration: seconds });
    gun.on("response", (_client: unknown, status: number, _bytes: number, latencyMs: number) => {
      if (status >= 200 && status < 300) into.latencies.push(latencyMs);
      else into.bad += 1;
    });
    gun.on("reqError", () => {
      into.bad += 1;
    });
    ends.push(gun);
    await sleep(1_000 / (guns * shots.length));
  }
  await Promise.all(ends);
  return measured.map(({ latencies, bad }) => {
    const sorted = latencies.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
    return { count: sorted.length, bad, p50: at(0.5), p975: at(0.975), p99: at(0.99), max: at(1) };
  });
}
