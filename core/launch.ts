import { buildCacheKey } from "./cache-key.ts";
import { takeTurn } from "./cache-lease.ts";
import { sha256Hex } from "./canonical-json.ts";
import { changeJob } from "./change-job.ts";
import { MixdownError } from "./errors.ts";
import { formatJobRef, isTerminal, type Job, type JobRef, refOf, type WaitsFor } from "./job.ts";
import { launchBackoffMs, nextLane } from "./lane.ts";
import { isoTime, type Platform } from "./platform.ts";
import type { CacheManifest } from "./ports.ts";
import { type ResolvedInput, resolveInputs } from "./resolve-inputs.ts";
import { afterEnd, buildCancellation, buildFailure } from "./settle.ts";
import { wake } from "./wake.ts";

/**
 * What a wake-up call does: serves the job from the cache, makes it wait with a reason, or starts its worker. Calls
 * may come twice, late, or for nothing; the store decides what they still mean.
 */
export async function launch(platform: Platform, ref: JobRef, attempt: number): Promise<void> {
  const job = await platform.jobs.get(ref);
  if (job === undefined || job.status !== "queued" || job.attempt !== attempt) return;
  const now = platform.clock.now();
  if (job.cancelRequestedAt !== null) return end(platform, job, () => buildCancellation(now));
  // Lambda would start a second worker; once a task is noted, its end or the deadline tells what became of it.
  if (job.phase === "launching") return job.taskId === null ? startTask(platform, job) : undefined;
  if (job.nextLaunchAt !== null && Date.parse(job.nextLaunchAt) > now) return;
  try {
    const resolved = await resolveInputs(platform, job);
    if ("waitFor" in resolved) {
      return await waitFor(platform, job, "input", { owner: job.owner, jobId: resolved.waitFor });
    }
    await takeOff(platform, job, cacheKeyOf(platform, job, resolved.inputs));
  } catch (thrown) {
    const error = MixdownError.from(thrown);
    if (error.retryable) throw thrown;
    await end(platform, job, () => buildFailure(error, platform.clock.now()));
  }
}

/** The cache key of a job whose inputs were found. */
export const cacheKeyOf = (
  platform: Pick<Platform, "settings">,
  job: Job,
  inputs: readonly Pick<ResolvedInput, "content" | "role">[],
): string =>
  buildCacheKey({
    owner: platform.settings.sharedCache ? null : job.owner,
    kind: job.kind,
    params: job.params,
    ffmpegMajor: platform.settings.ffmpegMajor,
    inputs,
  });

async function takeOff(platform: Platform, job: Job, key: string): Promise<void> {
  // The key stands in the job before the lease names the job: a lease whose holder has another key is void.
  const keyed = job.cacheKey === key ? job : await changeWhile(platform, job, () => ({ cacheKey: key }));
  if (keyed === null) return;
  const turn = await takeTurn(platform, keyed, key);
  if (turn.type === "hit") return end(platform, keyed, () => buildCachedEnd(turn.manifest, platform.clock.now()));
  if (turn.type === "follow") return waitFor(platform, keyed, "cache", turn.leader);
  const launching = await changeWhile(platform, keyed, () => ({
    phase: "launching",
    waitsFor: null,
    nextLaunchAt: null,
    launchedAt: isoTime(platform.clock.now()),
    launchNumber: keyed.launchNumber + 1,
  }));
  if (launching !== null) await startTask(platform, launching);
}

/** Changes the job only while it still waits at the attempt that this call is about. */
const changeWhile = (platform: Platform, job: Job, patch: (standing: Job) => Partial<Job>): Promise<Job | null> =>
  changeJob(platform, job, (standing) =>
    standing.status === "queued" && standing.attempt === job.attempt && standing.phase === job.phase
      ? patch(standing)
      : null,
  );

const buildCachedEnd = (manifest: CacheManifest, now: number): Partial<Job> => ({
  status: "succeeded",
  phase: "publishing",
  progress: { percent: 100, etaSeconds: 0 },
  outputs: [...manifest.outputs],
  report: manifest.report,
  warnings: manifest.warnings,
  engine: manifest.engine,
  cached: true,
  waitsFor: null,
  nextLaunchAt: null,
  finishedAt: isoTime(now),
  expiresAt: manifest.expiresAt,
});

async function end(platform: Platform, job: Job, patch: (standing: Job) => Partial<Job>): Promise<void> {
  const ended = await changeWhile(platform, job, patch);
  if (ended !== null) await afterEnd(platform, ended);
}

const nextText: Record<"input" | "cache", string> = {
  input: "starts when that job has made its output",
  cache: "takes the result of that equal job, or does the work itself if it fails",
};

/** How soon a follower looks again where the leader's end cannot wake it, because the leader is another owner's. */
const foreignLeaderPollMs = 2_000;

async function waitFor(platform: Platform, job: Job, reason: "input" | "cache", leader: JobRef): Promise<void> {
  const now = platform.clock.now();
  const own = leader.owner === job.owner;
  const waitsFor: WaitsFor = {
    reason,
    ...(own ? { jobId: leader.jobId } : {}),
    since: job.waitsFor?.reason === reason ? job.waitsFor.since : isoTime(now),
    next: nextText[reason],
  };
  const nextLaunchAt = own ? null : isoTime(now + foreignLeaderPollMs);
  const waiting = await changeWhile(platform, job, () => ({ waitsFor, nextLaunchAt }));
  if (waiting === null || !own) return;
  // The leader may have ended between our look and our note; then nobody else would wake us.
  const standing = await platform.jobs.get(leader);
  if (standing === undefined || isTerminal(standing.status)) await wake(platform, job);
}

/** Starts the worker. A repeat for the same launch number starts nothing new. */
async function startTask(platform: Platform, job: Job): Promise<void> {
  const token = sha256Hex(
    [formatJobRef(job, platform.settings.defaultOwner), job.attempt, job.lane, job.size, job.launchNumber].join("/"),
  );
  try {
    const { attempt, lane, size } = job;
    const { taskId } = await platform.launcher.launch({ ref: refOf(job), attempt, lane, size, clientToken: token });
    await changeJob(platform, job, (standing) =>
      standing.attempt === job.attempt && standing.taskId !== taskId && !isTerminal(standing.status)
        ? { taskId }
        : null,
    );
  } catch (thrown) {
    const error = MixdownError.from(thrown);
    const now = platform.clock.now();
    if (error.code === "platform_launch_failed") return end(platform, job, () => buildFailure(error, now));
    if (!error.code.startsWith("capacity_")) throw thrown;
    await changeWhile(platform, job, (standing) => ({
      phase: "waiting",
      launchedAt: null,
      // Throttling says nothing about the lane; a lane without capacity may stay so for hours.
      lane: error.code === "capacity_unavailable" ? nextLane(standing.lane) : standing.lane,
      waitsFor: { reason: "capacity", since: standing.waitsFor?.since ?? isoTime(now), next: "is launched again soon" },
      nextLaunchAt: isoTime(now + launchBackoffMs(job)),
    }));
  }
}
