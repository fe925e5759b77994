import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RateLimiter } from "../../core/api-ports.ts";

export interface OpenedRateLimiter {
  readonly limiter: RateLimiter;
  /** The limiter's clock, which stands. */
  readonly clock: { advance(ms: number): void };
  close(): Promise<void>;
}

/** What every RateLimiter must do. */
export function rateLimiterContract(name: string, open: () => Promise<OpenedRateLimiter>): void {
  describe(`${name} as a RateLimiter`, () => {
    let opened: OpenedRateLimiter;
    let limiter: RateLimiter;
    beforeEach(async () => {
      opened = await open();
      limiter = opened.limiter;
    });
    afterEach(() => opened.close());

    const bucket = { burst: 4, perSecond: 2 };
    const takeMany = async (count: number, bucketName = "a"): Promise<number> => {
      let taken = 0;
      for (let turn = 0; turn < count; turn++) if ((await limiter.take(bucketName, bucket)) === 0) taken += 1;
      return taken;
    };

    test("fails when a bucket gives more or less than it holds, or two buckets are one", async () => {
      expect(await takeMany(10)).toBe(4);
      expect(await takeMany(10, "b")).toBe(4);
    });

    test("fails when the wait it tells is too short, or longer than the time to the next", async () => {
      await takeMany(4);
      const seconds = await limiter.take("a", bucket);
      expect(seconds).toBeCloseTo(0.5, 3);
      opened.clock.advance(490);
      expect(await limiter.take("a", bucket)).toBeGreaterThan(0);
      opened.clock.advance(11);
      expect(await limiter.take("a", bucket)).toBe(0);
      expect(await limiter.take("a", bucket)).toBeGreaterThan(0);
    });

    test("fails when a bucket refills faster than it may, or beyond its rim", async () => {
      await takeMany(4);
      opened.clock.advance(1_001);
      expect(await takeMany(10)).toBe(2);
      opened.clock.advance(3_600_000);
      expect(await takeMany(10)).toBe(4);
    });

    test("fails when refused takes put the next one off", async () => {
      await takeMany(40);
      opened.clock.advance(501);
      expect(await limiter.take("a", bucket)).toBe(0);
    });

    test("fails when many at once get more than the bucket holds", async () => {
      const waits = await Promise.all(Array.from({ length: 20 }, () => limiter.take("a", bucket)));
      expect(waits.filter((seconds) => seconds === 0)).toHaveLength(4);
    });
  });
}
