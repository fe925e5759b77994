import { changeJob } from "./change-job.ts";
import { MixdownError } from "./errors.ts";
import type { Job, JobOutput, JobRef } from "./job.ts";
import { runPrefix } from "./object-keys.ts";
import { createId, isoTime } from "./platform.ts";
import { type AbortReason, type Engine, type EngineResult, Run, type WorkPlatform } from "./run.ts";
import { afterEnd, backToQueue, buildCancellation, buildFailure, discardRun, planNextAttempt } from "./settle.ts";
import { sendWake } from "./wake.ts";

export type AttemptOutcome = "nothing-to-do" | "succeeded" | "failed" | "canceled" | "handed-back" | "lost";

/**
 * One attempt of one job, from claim to commit. Any number of workers may try the same attempt; one claims it, the
 * others change nothing. `interrupted` (SIGTERM) gives the job back.
 */
export async function runAttempt(
  platform: WorkPlatform,
  ref: JobRef,
  attempt: number,
  engine: Engine,
  interrupted: AbortSignal,
): Promise<AttemptOutcome> {
  const runId = createId(platform.clock);
  const claimed = await claim(platform, ref, attempt, runId);
  if (claimed === null) return "nothing-to-do";
  const run = new Run(platform, claimed, runId, interrupted);
  try {
    const result = await run.work(engine);
    return await settleRun(platform, claimed, runId, (standing) =>
      standing.cancelRequestedAt === null ? buildSuccess(platform, result) : buildCancellation(platform.clock.now()),
    );
  } catch (thrown) {
    const now = platform.clock.now();
    return await settleRun(platform, claimed, runId, (standing) =>
      planAfterError(standing, run.abortReason, thrown, now),
    );
  } finally {
    run.close();
  }
}

/** `null` when the job is not queued at this attempt, or another worker was first. */
const claim = (platform: WorkPlatform, ref: JobRef, attempt: number, runId: string): Promise<Job | null> =>
  changeJob(platform, ref, (job) =>
    job.status !== "queued" || job.attempt !== attempt || job.cancelRequestedAt !== null
      ? null
      : {
          status: "running",
          phase: "downloading",
          progress: { percent: 0, etaSeconds: null },
          runId,
          waitsFor: null,
          nextLaunchAt: null,
          startedAt: isoTime(platform.clock.now()),
        },
  );

/** Writes the end of a run if the run still holds its job; else its uploads are discarded. */
async function settleRun(
  platform: WorkPlatform,
  claimed: Job,
  runId: string,
  patch: (standing: Job) => Partial<Job>,
): Promise<AttemptOutcome> {
  const job = await changeJob(platform, claimed, (standing) => (standing.runId === runId ? patch(standing) : null));
  if (job === null) {
    const standing = await platform.jobs.get(claimed);
    if (standing !== undefined && isCommitOf(platform, standing, runId)) {
      await afterEnd(platform, standing);
      return "succeeded";
    }
    await discardRun(platform, claimed, runId);
    return "lost";
  }
  if (job.status === "queued") {
    await discardRun(platform, claimed, runId);
    await sendWake(platform, job);
    return "handed-back";
  }
  await afterEnd(platform, job);
  return job.status as "succeeded" | "failed" | "canceled";
}

/** The commit came through and its answer did not, or what follows it failed: the outputs are the job's own by now. */
const isCommitOf = ({ settings }: WorkPlatform, job: Job, runId: string): boolean =>
  job.outputs.some(({ key }) => key.startsWith(runPrefix(job, runId, settings.defaultOwner)));

function buildSuccess(platform: WorkPlatform, result: EngineResult & { stored: JobOutput[] }): Partial<Job> {
  const now = platform.clock.now();
  return {
    status: "succeeded",
    phase: "publishing",
    progress: { percent: 100, etaSeconds: 0 },
    outputs: result.stored,
    report: result.report,
    warnings: [...result.warnings],
    engine: result.engine,
    runId: null,
    finishedAt: isoTime(now),
    expiresAt: isoTime(now + platform.settings.outputsMs),
  };
}

function planAfterError(job: Job, abortReason: AbortReason | null, thrown: unknown, now: number): Partial<Job> {
  if (job.cancelRequestedAt !== null) return buildCancellation(now);
  if (abortReason === "interrupted") return planNextAttempt(job, "interrupted", now);
  const error =
    abortReason === "timeout"
      ? new MixdownError("limit_timeout", {
          message: `The job ran for ${job.timeoutSeconds} s, its time limit; split the input or raise timeoutSeconds.`,
        })
      : MixdownError.from(thrown);
  if (error.retryable && job.attempt < job.maxAttempts) return backToQueue(job);
  return buildFailure(error, now);
}
