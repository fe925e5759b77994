import { existsSync } from "node:fs";
import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import type { ObjectInfo, ObjectStore } from "../../core/ports.ts";
import type { OpenedObjectStore, UsedObjectStore } from "./object-store-fixture.ts";

const oddKeys = [
  "plain.wav",
  "with space/and  two .wav",
  "-rf",
  "--/-o",
  "quote'\"`$(id)/;|&.wav",
  "#?%20&=+/%2e%2e/..wav",
  "...",
  "a/.hidden/..b",
  "*?[x]{y}~",
  "~/home",
  "C:/drive",
  "ünïcödé/Приве́т/こんにちは/🎧.wav",
  "\u202Eevil.exe",
  "zero\u200Bwidth",
  ".metadata/x",
  "deep/.meta/.tmp/x",
  "s".repeat(255),
  `${"ä".repeat(127)}/${"🎧".repeat(60)}`,
  Array.from({ length: 200 }, () => "d").join("/"),
];

const hostileKeys = [
  "",
  "/",
  "/etc/passwd",
  "..",
  ".",
  "../outside",
  "a/../../outside",
  "a/./b",
  "a//b",
  "a/",
  "a\u0000b",
  "a\nb",
  "a\u007Fb",
  "a\u2028b",
  "a\\..\\b",
  "\\\\server\\share",
  ".meta/x",
  ".tmp",
  ".META/x",
  "lone\uD800surrogate",
  "s".repeat(256),
  "ä".repeat(128),
  `${"d/".repeat(512)}x`,
];

/** Which keys every ObjectStore must take and refuse. */
export function objectKeysContract(store: UsedObjectStore): void {
  const { localPath, put, get, list, keysOf } = store;
  let opened: OpenedObjectStore;
  let objects: ObjectStore;
  beforeEach(() => {
    opened = store.opened;
    objects = opened.objects;
  });

  describe("keys", () => {
    test.each(oddKeys)("fails when the odd key %j is refused or mistaken", async (key) => {
      await put(key, `content of ${key}`);
      expect((await get(key)).content.toString()).toBe(`content of ${key}`);
      expect(await keysOf("")).toEqual([key]);
      expect(await keysOf(key)).toEqual([key]);
      await objects.remove(key);
      expect(await keysOf("")).toEqual([]);
    });

    test("fails when keys that look alike are one", async ({ skip }) => {
      skip(!opened.exactNames, "the file system takes them for the same name");
      const alike = ["a", "A", "a ", " a", "a.", "\u00e9", "e\u0301", "\u212b", "\u00c5"];
      for (const key of alike) await put(key, key);
      for (const key of alike) expect((await get(key)).content.toString()).toBe(key);
      expect(await keysOf("")).toEqual(alike.toSorted());
    });

    const refuses = async (key: string): Promise<void> => {
      const refused = { code: "usage_invalid" };
      await expect(put(key, "hostile")).rejects.toMatchObject(refused);
      await expect(objects.head(key)).rejects.toMatchObject(refused);
      await expect(objects.remove(key)).rejects.toMatchObject(refused);
      const path = localPath();
      await expect(objects.getFile(key, path)).rejects.toMatchObject(refused);
      expect(existsSync(path)).toBe(false);
    };

    test.each(hostileKeys)("fails when the hostile key %j is accepted", async (key) => {
      await refuses(key);
      expect(await keysOf("")).toEqual([]);
    });

    test("fails when any key is neither refused by all methods nor kept as it is", async () => {
      const segment = fc.oneof(
        fc.constantFrom("..", ".", "", "a", ".meta", ".tmp", "%2e%2e", "..\u0000", "C:", "~", " ", "..\\..", "\ud83d"),
        fc.string({ unit: "binary", maxLength: 6 }),
        fc.string({ unit: "grapheme", maxLength: 6 }),
      );
      const key = fc.array(segment, { maxLength: 5 }).map((segments) => segments.join("/"));
      await fc.assert(
        fc.asyncProperty(key, async (candidate) => {
          const info = await put(candidate, candidate).catch((error: unknown) => error);
          if (info instanceof Error) return refuses(candidate);
          expect((info as ObjectInfo).key).toBe(candidate);
          expect((await get(candidate)).content.toString()).toBe(candidate);
          expect(await keysOf(candidate)).toEqual([candidate]);
          await objects.remove(candidate);
          expect(await objects.head(candidate)).toBeUndefined();
        }),
        { numRuns: 150 },
      );
      expect(await list("")).toEqual([]);
    });
  });
}
