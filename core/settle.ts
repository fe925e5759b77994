import { fulfilCache, releaseCache } from "./cache-lease.ts";
import { changeJob } from "./change-job.ts";
import { MixdownError } from "./errors.ts";
import { isTerminal, type Job, type JobRef } from "./job.ts";
import { growAfterMemory, launchBackoffMs, nextLane } from "./lane.ts";
import { limits } from "./limits.ts";
import { jobPrefix, runPrefix } from "./object-keys.ts";
import { isoTime, type Platform } from "./platform.ts";
import { sendWake, wake } from "./wake.ts";

type SettlePlatform = Pick<Platform, "jobs" | "queue" | "cache" | "objects" | "clock" | "settings">;

/** Why an attempt ended without a result. Interruptions and restarts are nobody's fault and use up no attempt. */
export type AttemptLoss =
  | "crashed"
  | "heartbeat-lost"
  | "launch-deadline"
  | "interrupted"
  | "restarted"
  | "out-of-memory"
  | "no-capacity";

const orderly: ReadonlySet<AttemptLoss> = new Set(["interrupted", "restarted"]);
/** After these the next attempt goes to a lane whose capacity is not taken away. */
const leavesLane: ReadonlySet<AttemptLoss> = new Set(["interrupted", "restarted", "launch-deadline", "no-capacity"]);

const lossText: Record<AttemptLoss, string> = {
  crashed: "the worker ended without a result",
  "heartbeat-lost": "the worker was not heard of for a minute",
  "launch-deadline": "the worker did not start in time",
  interrupted: "the worker was interrupted",
  restarted: "the platform was restarted",
  "out-of-memory": "the worker ran out of memory",
  "no-capacity": "there was no capacity for the worker",
};

/** What an attempt without a result makes of its job: the next attempt, or failure when there is none left. Pure. */
export function planNextAttempt(job: Job, loss: AttemptLoss, now: number, detail = ""): Partial<Job> {
  const place = loss === "out-of-memory" ? growAfterMemory(job) : { size: job.size, lane: job.lane };
  const handBack = orderly.has(loss) && job.handBacks < limits.maxHandBacks;
  if (job.cancelRequestedAt !== null) return buildCancellation(now);
  if (loss === "no-capacity") return planWithoutCapacity(job, now);
  if ((!handBack && job.attempt >= job.maxAttempts) || place === null) {
    const code = loss === "launch-deadline" ? "platform_launch_deadline" : "platform_worker_lost";
    return buildFailure(
      new MixdownError(code, {
        message: `Attempt ${job.attempt} of ${job.maxAttempts}: ${lossText[loss]}${detail === "" ? "" : ` (${detail})`}; no attempt is left.`,
      }),
      now,
    );
  }
  return {
    ...backToQueue(job),
    ...place,
    ...(leavesLane.has(loss) ? { lane: nextLane(job.lane) } : {}),
    handBacks: job.handBacks + (handBack ? 1 : 0),
    maxAttempts: job.maxAttempts + (handBack ? 1 : 0),
  };
}

/** Nothing ran, so no attempt is used up: at once on the next lane, else again later, until a day has passed. */
function planWithoutCapacity(job: Job, now: number): Partial<Job> {
  const again = { ...backToQueue(job), maxAttempts: job.maxAttempts + 1, lane: nextLane(job.lane) };
  if (again.lane !== job.lane) return again;
  return {
    ...again,
    waitsFor: { reason: "capacity", since: isoTime(now), next: "is launched again soon" },
    nextLaunchAt: isoTime(now + launchBackoffMs(job)),
  };
}

/** Fields of a job that goes back to the queue for its next attempt. */
export const backToQueue = (job: Job): Partial<Job> => ({
  status: "queued",
  phase: "waiting",
  progress: { percent: 0, etaSeconds: null },
  attempt: job.attempt + 1,
  launchNumber: job.launchNumber + 1,
  runId: null,
  taskId: null,
  waitsFor: null,
  nextLaunchAt: null,
  launchedAt: null,
  startedAt: null,
});

export const buildFailure = (error: MixdownError, now: number): Partial<Job> => ({
  status: "failed",
  error: error.toDocument(),
  runId: null,
  waitsFor: null,
  nextLaunchAt: null,
  finishedAt: isoTime(now),
});

export const buildCancellation = (now: number): Partial<Job> => ({
  status: "canceled",
  runId: null,
  waitsFor: null,
  nextLaunchAt: null,
  finishedAt: isoTime(now),
});

/**
 * Ends one attempt that will give no result; whoever finds out may call it, any number of times.
 * @param isItsOwn refuses to end an attempt that, as it stands, is somebody else's
 * @returns whether this call ended it
 */
export async function settleAttempt(
  platform: SettlePlatform,
  ref: JobRef,
  attempt: number,
  loss: AttemptLoss,
  detail = "",
  isItsOwn: (standing: Job) => boolean = () => true,
): Promise<boolean> {
  const job = await changeJob(platform, ref, (standing) => {
    const open = standing.status === "running" || (standing.status === "queued" && standing.phase === "launching");
    if (!open || standing.attempt !== attempt || !isItsOwn(standing)) return null;
    return planNextAttempt(standing, loss, platform.clock.now(), detail);
  });
  if (job === null) return false;
  if (isTerminal(job.status)) await afterEnd(platform, job);
  else if (job.nextLaunchAt === null) await sendWake(platform, job);
  return true;
}

/** How a task ended, as the machinery that ran it tells: at least once, in any order. */
export interface TaskEnd {
  readonly ref: JobRef;
  readonly attempt: number;
  readonly taskId: string;
  /** `null` when no process ran to its end. */
  readonly exitCode: number | null;
  readonly loss: AttemptLoss;
  /** The reason in the machinery's own words. */
  readonly detail: string;
}

/**
 * What the end of a task means: the next attempt or failure, if its run still holds the job. A worker exits with 0
 * when the store knows the outcome, also when another task's run holds the job; then there is nothing to settle.
 */
export function settleTask(platform: SettlePlatform, end: TaskEnd): Promise<boolean> {
  return settleAttempt(platform, end.ref, end.attempt, end.loss, end.detail, (standing) => {
    if (standing.taskId !== null && standing.taskId !== end.taskId) return false;
    return standing.status === "queued" || end.exitCode !== 0;
  });
}

/** Fails a job that has not ended. */
export async function failJob(platform: SettlePlatform, ref: JobRef, error: MixdownError): Promise<void> {
  const job = await changeJob(platform, ref, (standing) =>
    isTerminal(standing.status) ? null : buildFailure(error, platform.clock.now()),
  );
  if (job !== null) await afterEnd(platform, job);
}

/**
 * What follows a job's end: its result serves equal jobs, jobs that wait for it are woken, other runs' leftovers go.
 * Each step can be repeated; the reconciler does what a crash left undone.
 */
export async function afterEnd(platform: SettlePlatform, job: Job): Promise<void> {
  if (job.status === "succeeded") await fulfilCache(platform, job);
  else await releaseCache(platform, job);
  for (const waiting of await platform.jobs.listWaitingFor(job)) await wake(platform, waiting);
  if (job.attempt > 1 || job.status !== "succeeded") await sweepLostRuns(platform, job);
}

/** Does again what follows a job's end, for who saw a worker die that may have been about to. */
export async function repeatEnd(platform: SettlePlatform, ref: JobRef): Promise<void> {
  const job = await platform.jobs.get(ref);
  if (job !== undefined && isTerminal(job.status)) await afterEnd(platform, job);
}

/** Removes what runs other than the committed one uploaded. */
async function sweepLostRuns(platform: SettlePlatform, job: Job): Promise<void> {
  const kept = new Set(job.outputs.map((output) => output.key));
  for await (const object of platform.objects.list(jobPrefix(job, platform.settings.defaultOwner))) {
    if (!kept.has(object.key)) await platform.objects.remove(object.key);
  }
}

/** A run that lost its claim takes its own uploads with it. */
export async function discardRun(platform: SettlePlatform, ref: JobRef, runId: string): Promise<void> {
  for await (const object of platform.objects.list(runPrefix(ref, runId, platform.settings.defaultOwner))) {
    await platform.objects.remove(object.key);
  }
}
