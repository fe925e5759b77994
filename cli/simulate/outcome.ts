import { isTerminal, type Job } from "../../core/job.ts";
import { attemptRequestsUsd } from "../../core/job-cost.ts";
import type { Scene } from "./scene.ts";

/** What became of a play. Times are of the play, in milliseconds. */
export interface Outcome {
  readonly asked: number;
  readonly accepted: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Failed jobs by their error's code. */
  readonly failures: Readonly<Record<string, number>>;
  /** Accepted and gone: the job, an output of a job that succeeded, or a refused message that nobody will ever see. */
  readonly lost: number;
  /** Ends that a job had beyond its one. */
  readonly doubled: number;
  /** Without an end at the end of the play. */
  readonly hung: number;
  readonly attempts: number;
  readonly retries: number;
  /** Served from the cache, or with an equal job. */
  readonly cached: number;
  readonly deadLetters: Readonly<Record<string, number>>;
  /** What was put in the platform's way, and what it did about it. */
  readonly incidents: Readonly<Record<string, number>>;
  /** Hours that workers were there, by lane and size. */
  readonly workHours: Readonly<Record<string, number>>;
  /** Workers and requests at list prices. US dollars. */
  readonly costUsd: number;
  readonly drainMs: number;
  readonly waitMs: { readonly p50: number; readonly p95: number; readonly p99: number };
}

export async function takeStock(scene: Scene, startMs: number): Promise<Outcome> {
  const { ledger, stores, tally } = scene;
  const statuses = new Map<string, number>();
  const failures = new Map<string, number>();
  let accepted = 0;
  let lost = 0;
  let hung = 0;
  for (const jobId of ledger.jobIds) {
    const job = await stores.jobs.get({ owner: scene.settings.defaultOwner, jobId });
    const isAccepted = ledger.isAccepted(jobId);
    if (isAccepted) accepted += 1;
    if (job === undefined) {
      if (isAccepted) lost += 1;
      continue;
    }
    add(statuses, job.status);
    if (job.error !== null) add(failures, job.error.code);
    if (!isTerminal(job.status)) hung += 1;
    else if (!hasOutputs(scene, job)) lost += 1;
  }
  const letters = new Set((await stores.deadLetters.list()).map(({ body }) => body));
  const deadLetters = new Map<string, number>();
  for (const { reason } of ledger.letters) add(deadLetters, /^[a-z_]+(?=:)/.exec(reason)?.[0] ?? reason);
  const waits = ledger.listWaits();
  const percentile = (share: number): number => Math.round(waits[Math.ceil(waits.length * share) - 1] ?? 0);
  return {
    asked: ledger.jobIds.length,
    accepted,
    statuses: sort(statuses),
    failures: sort(failures),
    lost: lost + [...ledger.poison].filter((body) => !letters.has(body)).length,
    doubled: ledger.doubled,
    hung,
    attempts: ledger.attempts,
    retries: ledger.retries,
    cached: ledger.cached,
    deadLetters: sort(deadLetters),
    incidents: sort(tally),
    workHours: sort(new Map([...ledger.workSeconds].map(([name, seconds]) => [name, Math.round(seconds / 36) / 100]))),
    costUsd: Math.round((ledger.workUsd + ledger.attempts * attemptRequestsUsd) * 100) / 100,
    drainMs: Math.round(Math.max(0, ledger.drainedAt - startMs)),
    waitMs: { p50: percentile(0.5), p95: percentile(0.95), p99: percentile(0.99) },
  };
}

const hasOutputs = ({ objects }: Scene, job: Job): boolean =>
  job.status !== "succeeded" || (job.outputs.length > 0 && job.outputs.every(({ key }) => objects.has(key)));

const add = (counts: Map<string, number>, name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);

/** The same order whatever came first. */
const sort = (counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> =>
  Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
