import { isTerminal, type Job, type JobRef, refOf } from "./job.ts";
import { limits } from "./limits.ts";
import { isoTime, type Platform } from "./platform.ts";
import type { CacheEntry, CacheManifest } from "./ports.ts";

type CachePlatform = Pick<Platform, "jobs" | "cache" | "objects" | "clock">;

/** Whose turn it is to work on a key. */
export type Turn =
  | { readonly type: "lead" }
  | { readonly type: "hit"; readonly manifest: CacheManifest }
  | { readonly type: "follow"; readonly leader: JobRef };

/**
 * Takes the lead for `key`, or tells who has it, or hands out the result. One leader at a time: each step is a
 * conditional swap of the entry that was read. A lease ends with its leader's job, or when it lapses.
 */
export async function takeTurn(platform: CachePlatform, job: Job, key: string): Promise<Turn> {
  for (;;) {
    const entry = await platform.cache.get(key);
    const lease = buildLease(platform, job, key);
    if (entry?.manifest != null && (await isServable(platform, entry.manifest))) {
      return { type: "hit", manifest: entry.manifest };
    }
    if (entry !== undefined && entry.manifest === null && !isHolder(entry, job)) {
      const leader = await platform.jobs.get(entry.holder);
      if (leader !== undefined && leader.status === "succeeded" && leader.cacheKey === key) {
        // The leader crashed between its commit and this line of bookkeeping: do it for it.
        const manifest = buildManifest(platform, leader);
        if (await isServable(platform, manifest)) {
          if (await platform.cache.swap(entry, { ...entry, manifest })) return { type: "hit", manifest };
          continue;
        }
      }
      const atWork = leader !== undefined && !isTerminal(leader.status) && leader.cacheKey === key;
      if (atWork && entry.leaseUntil > platform.clock.now()) return { type: "follow", leader: refOf(leader) };
    }
    if (await platform.cache.swap(entry, lease)) return { type: "lead" };
  }
}

const isHolder = (entry: CacheEntry, job: Job): boolean =>
  entry.holder.owner === job.owner && entry.holder.jobId === job.jobId;

function buildLease(platform: CachePlatform, job: Job, key: string): CacheEntry {
  // Long enough for one whole attempt; the leader's next attempt takes a new one.
  const leaseMs = job.timeoutSeconds * 1_000 + limits.launchDeadlineMs[job.lane] + limits.heartbeatLostMs;
  return {
    key,
    holder: { ...refOf(job), attempt: job.attempt },
    leaseUntil: platform.clock.now() + leaseMs,
    manifest: null,
  };
}

/** Not past its lifetime, and every object is still there: lifecycle rules lag, and people delete things. */
async function isServable(platform: CachePlatform, manifest: CacheManifest): Promise<boolean> {
  if (Date.parse(manifest.expiresAt) <= platform.clock.now()) return false;
  for (const output of manifest.outputs) {
    const object = await platform.objects.head(output.key);
    if (object === undefined || object.sizeBytes !== output.sizeBytes) return false;
  }
  return true;
}

function buildManifest(platform: CachePlatform, job: Job): CacheManifest {
  const entryEnd = platform.clock.now() + limits.cacheEntryMs;
  const outputsEnd = job.expiresAt === null ? entryEnd : Date.parse(job.expiresAt);
  return {
    outputs: job.outputs,
    report: job.report,
    warnings: job.warnings,
    engine: job.engine,
    expiresAt: isoTime(Math.min(entryEnd, outputsEnd)),
  };
}

/** Turns the leader's lease into its result. Nothing happens when another leads by now. */
export async function fulfilCache(platform: CachePlatform, job: Job): Promise<void> {
  if (job.cacheKey === null || job.cached) return;
  const entry = await platform.cache.get(job.cacheKey);
  if (entry === undefined || entry.manifest !== null || !isHolder(entry, job)) return;
  await platform.cache.swap(entry, { ...entry, manifest: buildManifest(platform, job) });
}

/** Gives a lease back after an end without a result. */
export async function releaseCache(platform: CachePlatform, job: Job): Promise<void> {
  if (job.cacheKey === null) return;
  const entry = await platform.cache.get(job.cacheKey);
  if (entry !== undefined && entry.manifest === null && isHolder(entry, job)) await platform.cache.remove(entry);
}
