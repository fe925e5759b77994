import { changeJob } from "./change-job.ts";
import { dueTimeOf } from "./due-time.ts";
import { MixdownError } from "./errors.ts";
import { isTerminal, type Job } from "./job.ts";
import { limits } from "./limits.ts";
import type { Platform } from "./platform.ts";
import { afterEnd, buildCancellation, failJob, settleAttempt } from "./settle.ts";
import { wake } from "./wake.ts";

export interface ReconcileOptions {
  /**
   * The platform has just started and nothing that it launched before can be alive: what was launching or running is
   * given its next attempt at once, and every queued job is woken. @default false
   */
  readonly boot?: boolean;
}

/** What a pass found. */
export interface ReconcileTally {
  readonly looked: number;
  /** Jobs whose task did not start in time. */
  readonly missedLaunches: number;
  readonly lostHeartbeats: number;
}

/**
 * Finds jobs that nothing else will move any more and moves them: what a crash, a lost message or a lost event left
 * behind. Safe to run at any time, in several places at once. A job that cannot be moved does not hold up the others.
 * @throws the first fault, when all jobs were looked at
 */
export async function reconcile(platform: Platform, options: ReconcileOptions = {}): Promise<ReconcileTally> {
  const found = options.boot === true ? platform.jobs.listActive() : platform.jobs.listDue(platform.clock.now());
  const tally = { looked: 0, missedLaunches: 0, lostHeartbeats: 0 };
  const faults: unknown[] = [];
  const look = async (job: Job): Promise<void> => {
    try {
      const finding = await reconcileJob(platform, job, options);
      if (finding === "launch-deadline") tally.missedLaunches += 1;
      if (finding === "heartbeat-lost") tally.lostHeartbeats += 1;
    } catch (fault) {
      faults.push(fault);
    }
  };
  const underWay = new Set<Promise<void>>();
  for await (const job of found) {
    tally.looked += 1;
    const looking = look(job).finally(() => underWay.delete(looking));
    underWay.add(looking);
    if (underWay.size >= limits.reconcileAtOnce) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  if (faults.length > 0) throw faults[0];
  return tally;
}

type Finding = "launch-deadline" | "heartbeat-lost" | undefined;

async function reconcileJob(platform: Platform, job: Job, options: ReconcileOptions): Promise<Finding> {
  if (job.status === "running") return reconcileRunning(platform, job, options);
  if (job.phase === "launching") return reconcileLaunching(platform, job, options);
  await reconcileWaiting(platform, job, options);
  return undefined;
}

async function reconcileRunning(platform: Platform, job: Job, options: ReconcileOptions): Promise<Finding> {
  const now = platform.clock.now();
  if (options.boot === true) {
    await settleAttempt(platform, job, job.attempt, "restarted");
    return undefined;
  }
  const startedAt = Date.parse(job.startedAt ?? job.updatedAt);
  const pulse = await platform.jobs.getPulse(job);
  const heardAt = Math.max(startedAt, pulse?.runId === job.runId ? pulse.at : 0);
  if (now - heardAt > limits.heartbeatLostMs) {
    await settleAttempt(platform, job, job.attempt, "heartbeat-lost");
    await stopTask(platform, job);
    return "heartbeat-lost";
  }
  // The worker ends itself at its time limit; this is for one that beats but does not end.
  if (now - startedAt > job.timeoutSeconds * 1_000 + limits.heartbeatLostMs) {
    await failJob(
      platform,
      job,
      new MixdownError("limit_timeout", {
        message: `The job ran for more than ${job.timeoutSeconds} s, its time limit; split the input or raise timeoutSeconds.`,
      }),
    );
    await stopTask(platform, job);
    return undefined;
  }
  if (job.cancelRequestedAt !== null) await stopTask(platform, job);
  return undefined;
}

async function reconcileLaunching(platform: Platform, job: Job, options: ReconcileOptions): Promise<Finding> {
  if (options.boot === true) {
    await settleAttempt(platform, job, job.attempt, "restarted");
    return undefined;
  }
  const waitedMs = platform.clock.now() - Date.parse(job.launchedAt ?? job.updatedAt);
  if (waitedMs <= limits.launchDeadlineMs[job.lane]) return undefined;
  await settleAttempt(platform, job, job.attempt, "launch-deadline");
  await stopTask(platform, job);
  return "launch-deadline";
}

async function reconcileWaiting(platform: Platform, job: Job, options: ReconcileOptions): Promise<void> {
  const now = platform.clock.now();
  if (job.cancelRequestedAt !== null) {
    const ended = await changeJob(platform, job, (standing) =>
      standing.status === "queued" && standing.cancelRequestedAt !== null ? buildCancellation(now) : null,
    );
    if (ended !== null) await afterEnd(platform, ended);
    return;
  }
  const leaderId = job.waitsFor?.jobId;
  if (leaderId !== undefined) {
    const leader = await platform.jobs.get({ owner: job.owner, jobId: leaderId });
    if (leader === undefined || isTerminal(leader.status)) await wake(platform, job);
    return;
  }
  if (now - Date.parse(job.queuedAt) > limits.queuedMs) {
    return failJob(
      platform,
      job,
      new MixdownError("capacity_unavailable", {
        message: `The job waited for ${limits.queuedMs / 3_600_000} hours and could not be started; retry it when there is capacity.`,
      }),
    );
  }
  if (job.nextLaunchAt !== null) {
    if (Date.parse(job.nextLaunchAt) <= now) await wake(platform, job);
    return;
  }
  if (options.boot === true || now >= (dueTimeOf(job) ?? now)) await wake(platform, job);
}

async function stopTask(platform: Platform, job: Job): Promise<void> {
  if (job.taskId !== null) await platform.launcher.stop(job.taskId);
}
