import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CacheEntry, CacheManifest, ResultCache } from "../../core/ports.ts";
import { buildTestJob, succeeded } from "../fixtures/jobs.ts";

export interface OpenedResultCache {
  readonly cache: ResultCache;
  /** The same cache as another process sees it. */
  readonly other: ResultCache;
  close(): Promise<void>;
}

const manifest: CacheManifest = {
  outputs: succeeded(buildTestJob()).outputs,
  report: { before: [], after: null },
  warnings: [{ code: "silence", detail: "Nothing to hear – 0 dB" }],
  engine: { mixdown: "0.1.0", ffmpeg: "5.1.9", steps: [{ argv: ["-i", "{in0}", "{out}"] }] },
  expiresAt: "2026-12-01T00:00:00.000Z",
};

/** What every ResultCache must do. Keys are new in each test. */
export function resultCacheContract(name: string, open: () => Promise<OpenedResultCache>): void {
  describe(`${name} as a ResultCache`, () => {
    let opened: OpenedResultCache;
    let cache: ResultCache;
    let lease: CacheEntry;
    beforeEach(async () => {
      opened = await open();
      cache = opened.cache;
      const holder = { owner: "local", jobId: "leader", attempt: 1 };
      lease = { key: randomUUID(), holder, leaseUntil: 1_000, manifest: null };
    });
    afterEach(() => opened.close());

    test("fails when an unknown key is known, or can be swapped or removed", async () => {
      expect(await cache.get(lease.key)).toBeUndefined();
      expect(await cache.swap(lease, { ...lease, manifest })).toBe(false);
      expect(await cache.remove(lease)).toBe(false);
      expect(await cache.get(lease.key)).toBeUndefined();
    });

    test("fails when an entry is not read as it was written", async () => {
      expect(await cache.swap(undefined, lease)).toBe(true);
      expect(await opened.other.get(lease.key)).toEqual(lease);
      expect(await cache.swap(lease, { ...lease, manifest })).toBe(true);
      expect(await opened.other.get(lease.key)).toEqual({ ...lease, manifest });
    });

    test("fails when a lease is given twice, or one key's entry touches another's", async () => {
      const another = { ...lease, holder: { ...lease.holder, jobId: "another" } };
      expect(await cache.swap(undefined, lease)).toBe(true);
      expect(await cache.swap(undefined, another)).toBe(false);
      expect(await cache.swap(undefined, lease)).toBe(false);
      expect(await cache.swap(undefined, { ...another, key: randomUUID() })).toBe(true);
      expect(await cache.get(lease.key)).toEqual(lease);
    });

    const twists: readonly (readonly [string, (entry: CacheEntry) => CacheEntry])[] = [
      ["another job", (entry) => ({ ...entry, holder: { ...entry.holder, jobId: "another" } })],
      ["another owner's job", (entry) => ({ ...entry, holder: { ...entry.holder, owner: "another" } })],
      ["another attempt", (entry) => ({ ...entry, holder: { ...entry.holder, attempt: 2 } })],
      ["a lease that was prolonged since", (entry) => ({ ...entry, leaseUntil: 999 })],
    ];
    test.each(twists)("fails when an expectation that names %s is taken for what stands", async (_what, twist) => {
      const entry = lease;
      const fulfilled = { ...entry, manifest };
      const taker = { ...entry, holder: { ...entry.holder, jobId: "taker" }, leaseUntil: 9_000 };
      await cache.swap(undefined, entry);
      expect(await cache.swap(twist(entry), taker)).toBe(false);
      expect(await cache.remove(twist(entry))).toBe(false);
      expect(await cache.swap(fulfilled, taker)).toBe(false);
      expect(await cache.remove(fulfilled)).toBe(false);
      expect(await cache.get(entry.key)).toEqual(entry);
      await cache.swap(entry, fulfilled);
      expect(await cache.swap(twist(fulfilled), taker)).toBe(false);
      expect(await cache.swap(entry, taker)).toBe(false);
      expect(await cache.swap({ ...fulfilled, manifest: { ...manifest, warnings: [] } }, taker)).toBe(false);
      expect(await cache.remove(entry)).toBe(false);
      expect(await cache.get(entry.key)).toEqual(fulfilled);
      expect(await cache.swap(fulfilled, taker)).toBe(true);
      expect(await cache.remove(taker)).toBe(true);
      expect(await cache.get(entry.key)).toBeUndefined();
      expect(await cache.swap(undefined, entry)).toBe(true);
    });

    test("fails when the order of an expectation's fields matters", async () => {
      await cache.swap(undefined, { ...lease, manifest });
      const read = (await cache.get(lease.key)) as CacheEntry;
      const reversed = (value: unknown): unknown =>
        Array.isArray(value)
          ? value.map(reversed)
          : value !== null && typeof value === "object"
            ? Object.fromEntries(
                Object.entries(value)
                  .reverse()
                  .map(([key, item]) => [key, reversed(item)]),
              )
            : value;
      expect(await cache.swap(reversed(read) as CacheEntry, lease)).toBe(true);
    });

    test("fails when two of many that want the lead at once get it", async () => {
      const entries = Array.from({ length: 12 }, (_, index) => ({
        ...lease,
        holder: { ...lease.holder, jobId: `job-${index}` },
      }));
      const first = await Promise.all(
        entries.map((entry, index) => (index % 2 === 0 ? cache : opened.other).swap(undefined, entry)),
      );
      expect(first.filter(Boolean)).toHaveLength(1);
      const leader = entries[first.indexOf(true)] as CacheEntry;
      expect(await cache.get(lease.key)).toEqual(leader);
      const takers = entries.map((entry) => ({ ...entry, leaseUntil: 2_000 }));
      const second = await Promise.all([
        ...takers.map((entry, index) => (index % 2 === 0 ? cache : opened.other).swap(leader, entry)),
        cache.swap(leader, { ...leader, manifest }),
        opened.other.remove(leader),
      ]);
      expect(second.filter(Boolean)).toHaveLength(1);
    });
  });
}
