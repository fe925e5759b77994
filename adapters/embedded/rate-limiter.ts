import type { RateLimiter } from "../../core/api-ports.ts";
import type { Clock } from "../../core/ports.ts";

/** Buckets that are full again are forgotten when there are this many. */
const manyBuckets = 10_000;

/** Token buckets in memory: one process serves the laptop. */
export function createMemoryRateLimiter(clock: Clock): RateLimiter {
  const buckets = new Map<string, { tokens: number; at: number; fullAt: number }>();
  return {
    async take(name, { burst, perSecond }) {
      const now = clock.now();
      const standing = buckets.get(name) ?? { tokens: burst, at: now, fullAt: now };
      const tokens = Math.min(burst, standing.tokens + (Math.max(0, now - standing.at) / 1_000) * perSecond);
      if (tokens < 1) return (1 - tokens) / perSecond;
      buckets.set(name, { tokens: tokens - 1, at: now, fullAt: now + ((burst - tokens + 1) / perSecond) * 1_000 });
      if (buckets.size > manyBuckets) {
        for (const [other, { fullAt }] of buckets) if (fullAt <= now) buckets.delete(other);
      }
      return 0;
    },
  };
}
