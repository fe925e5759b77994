import { isTerminal, parseJobRef } from "./job.ts";
import { limits } from "./limits.ts";
import type { Platform } from "./platform.ts";

/** Lifetime of an uploaded file, as the `raw` bucket's rule says. */
const rawMs = 30 * 24 * 3_600_000;

/**
 * Removes objects past their lifetime, where no bucket rule does it: uploads after 30 days, the cache's after 7,
 * outputs as configured.
 * @returns how many were removed
 */
export async function sweepObjects(platform: Pick<Platform, "objects" | "clock" | "settings">): Promise<number> {
  const lifetimes = { "raw/": rawMs, "cache/": limits.cacheEntryMs, "outputs/": platform.settings.outputsMs };
  let removed = 0;
  for (const [prefix, lifetimeMs] of Object.entries(lifetimes)) {
    for await (const object of platform.objects.list(prefix)) {
      if (platform.clock.now() - object.modifiedAt <= lifetimeMs) continue;
      await platform.objects.remove(object.key);
      removed += 1;
    }
  }
  return removed;
}

/**
 * Removes what runs left that a job's end did not come to: its other runs' outputs go with the end, and a crash between
 * the commit and that leaves them. Jobs that have not ended, and objects without a job, are left alone.
 * @returns how many were removed
 */
export async function sweepStrayOutputs(platform: Pick<Platform, "jobs" | "objects" | "settings">): Promise<number> {
  let removed = 0;
  let at = "";
  /** What the job at hand keeps; `null` where everything is left alone. */
  let kept: ReadonlySet<string> | null = null;
  for await (const { key } of platform.objects.list("outputs/")) {
    const [, reference = ""] = key.split("/");
    if (reference !== at) {
      at = reference;
      kept = await findKept(platform, reference);
    }
    if (kept === null || kept.has(key)) continue;
    await platform.objects.remove(key);
    removed += 1;
  }
  return removed;
}

async function findKept(
  { jobs, settings }: Pick<Platform, "jobs" | "settings">,
  reference: string,
): Promise<ReadonlySet<string> | null> {
  let job: Awaited<ReturnType<typeof jobs.get>>;
  try {
    job = await jobs.get(parseJobRef(reference, settings.defaultOwner));
  } catch {
    // Nothing of ours bears that name.
    return null;
  }
  return job !== undefined && isTerminal(job.status) ? new Set(job.outputs.map((output) => output.key)) : null;
}
