import { setTimeout as sleep } from "node:timers/promises";
import { jobNotFound } from "../core/cancel.ts";
import { exitCodeOf, MixdownError } from "../core/errors.ts";
import { isTerminal, type Job, type JobRef } from "../core/job.ts";
import type { JobStore } from "../core/ports.ts";
import type { PublicJob } from "../core/public-job.ts";
import { formatBytes, formatReport } from "./report-table.ts";
import type { Reporter } from "./reporter.ts";

/** A look is one indexed read; short jobs are looked at often, long ones need not be. */
const pollMs = { first: 40, later: 250, afterMs: 10_000 };

/**
 * The job at each change of state, phase or progress, until it has ended.
 * @throws MixdownError `usage_job_not_found`; the signal's reason
 */
export async function* watchJob(store: Pick<JobStore, "get">, ref: JobRef, signal: AbortSignal): AsyncGenerator<Job> {
  const startedAt = performance.now();
  let seen = "";
  for (;;) {
    signal.throwIfAborted();
    const job = await store.get(ref);
    if (job === undefined) throw jobNotFound(ref.jobId);
    const state = JSON.stringify([job.version, job.phase, job.progress.percent]);
    if (state !== seen) yield job;
    seen = state;
    if (isTerminal(job.status)) return;
    const ms = performance.now() - startedAt < pollMs.afterMs ? pollMs.first : pollMs.later;
    await sleep(ms, undefined, { signal }).catch(() => {});
  }
}

/** Follows a job on stderr to its end. Each change also goes to `onChange`. @throws as `watchJob` */
export const followJob = (
  store: Pick<JobStore, "get">,
  ref: JobRef,
  { reporter, signal }: { readonly reporter: Reporter; readonly signal: AbortSignal },
  onChange: (job: Job) => void = () => {},
): Promise<Job> => showStates(watchJob(store, ref, signal), ref.jobId, reporter, onChange);

/** Shows a job's states on stderr as they come; the last one. @throws what `states` throws */
export async function showStates<Shown extends PublicJob>(
  states: AsyncIterable<Shown>,
  jobId: string,
  reporter: Reporter,
  onChange: (job: Shown) => void = () => {},
): Promise<Shown> {
  let last: Shown | undefined;
  for await (const job of states) {
    last = job;
    onChange(job);
    const phase = job.status === "queued" && job.waitsFor !== null ? `waiting for ${job.waitsFor.reason}` : job.phase;
    if (!isTerminal(job.status)) reporter.progress(job.jobId, phase, job.progress.percent);
  }
  reporter.endProgress();
  if (last === undefined) throw jobNotFound(jobId);
  return last;
}

/** Says how a job ended and gives the exit code that says the same. */
export function reportEnd(job: PublicJob, reporter: Reporter): number {
  reporter.print(formatJob(job));
  for (const warning of job.warnings) reporter.warn(`${job.jobId}: ${warning.detail}`);
  if (job.error !== null) reporter.fail(MixdownError.fromDocument(job.error as MixdownErrorDocument));
  return exitCodeOfJob(job);
}

type MixdownErrorDocument = Parameters<typeof MixdownError.fromDocument>[0];

/** 0 succeeded; of a failed job what its error means; 1 of a canceled one. */
export function exitCodeOfJob(job: PublicJob): number {
  if (job.status === "succeeded") return 0;
  return job.error === null ? 1 : exitCodeOf(job.error.code);
}

/** A job in a few lines: how it stands, its outputs, its measured numbers. Pure. */
export function formatJob(job: PublicJob): string {
  const progress = job.status === "running" ? ` ${Math.floor(job.progress.percent)} % (${job.phase})` : "";
  const waits =
    job.status === "queued" && job.waitsFor !== null ? `, waits for ${job.waitsFor.jobId ?? job.waitsFor.reason}` : "";
  const lines = [
    `${job.jobId}  ${job.kind}  ${job.status}${progress}${waits}${job.cached ? ", from an earlier result" : ""}`,
  ];
  for (const output of job.outputs) {
    const length = output.durationSeconds === null ? "" : `, ${output.durationSeconds.toFixed(3)} s`;
    lines.push(`  ${output.name} (${formatBytes(output.sizeBytes)}${length})`);
  }
  if (job.report !== null) lines.push(formatReport(job.report));
  return lines.join("\n");
}
