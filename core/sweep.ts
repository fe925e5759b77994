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
