import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ApiKeyRecord, ApiKeyStore } from "../../core/api-ports.ts";

export interface OpenedApiKeyStore {
  readonly keys: ApiKeyStore;
  /** The same store as another process sees it. */
  readonly other: ApiKeyStore;
  close(): Promise<void>;
}

const buildRecord = (keyId: string, overrides: Partial<ApiKeyRecord> = {}): ApiKeyRecord => ({
  keyId,
  owner: "local",
  name: `key ${keyId} 🎧`,
  secretHash: "0".repeat(64),
  scopes: ["jobs:read", "jobs:write"],
  createdAt: "2026-05-01T00:00:00.000Z",
  expiresAt: null,
  lastUsedAt: null,
  ...overrides,
});

/** What every ApiKeyStore must do. `open` gives an empty one. */
export function apiKeyStoreContract(name: string, open: () => Promise<OpenedApiKeyStore>): void {
  describe(`${name} as an ApiKeyStore`, () => {
    let opened: OpenedApiKeyStore;
    let keys: ApiKeyStore;
    beforeEach(async () => {
      opened = await open();
      keys = opened.keys;
    });
    afterEach(() => opened.close());

    test("fails when a key is not read as it was written, or an unknown one is found", async () => {
      const record = buildRecord("a", { expiresAt: "2026-09-01T00:00:00.000Z" });
      await keys.put(record);
      expect(await opened.other.get("a")).toEqual(record);
      expect(await keys.get("b")).toBeUndefined();
      expect(await keys.list("nobody")).toEqual([]);
    });

    test("fails when an owner's list misses a key, shows another's, or is out of order", async () => {
      for (const keyId of ["c", "a", "b"]) await keys.put(buildRecord(keyId));
      await keys.put(buildRecord("d", { owner: "acme" }));
      expect((await opened.other.list("local")).map((record) => record.keyId)).toEqual(["a", "b", "c"]);
      expect((await keys.list("acme")).map((record) => record.keyId)).toEqual(["d"]);
    });

    test("fails when a use is forgotten, written more than once a minute, or makes a key", async () => {
      await keys.put(buildRecord("a"));
      await keys.touch("a", "2026-05-02T00:00:00.000Z");
      expect((await opened.other.get("a"))?.lastUsedAt).toBe("2026-05-02T00:00:00.000Z");
      await keys.touch("a", "2026-05-02T00:00:59.999Z");
      expect((await keys.get("a"))?.lastUsedAt).toBe("2026-05-02T00:00:00.000Z");
      await keys.touch("a", "2026-05-02T00:01:00.000Z");
      expect((await keys.list("local"))[0]?.lastUsedAt).toBe("2026-05-02T00:01:00.000Z");
      await keys.touch("nobody", "2026-05-02T00:00:00.000Z");
      expect(await keys.get("nobody")).toBeUndefined();
    });

    test("fails when a removed key stays, or an owner removes another's", async () => {
      await keys.put(buildRecord("a"));
      expect(await keys.remove("acme", "a")).toBe(false);
      expect(await keys.get("a")).toBeDefined();
      expect(await opened.other.remove("local", "a")).toBe(true);
      expect(await keys.get("a")).toBeUndefined();
      expect(await keys.list("local")).toEqual([]);
      expect(await keys.remove("local", "a")).toBe(false);
    });
  });
}
