import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { beforeEach, describe, expect, test } from "vitest";
import type { ObjectStore } from "../../core/ports.ts";
import { objectKeysContract } from "./object-keys.ts";
import { type OpenedObjectStore, useObjectStore } from "./object-store-fixture.ts";

const sha256 = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

/** What every ObjectStore must do. `open` gives an empty one. */
export function objectStoreContract(name: string, open: () => Promise<OpenedObjectStore>): void {
  describe(`${name} as an ObjectStore`, () => {
    const store = useObjectStore(open);
    const { localPath, put, get, list, keysOf } = store;
    let opened: OpenedObjectStore;
    let objects: ObjectStore;
    beforeEach(() => {
      opened = store.opened;
      objects = opened.objects;
    });

    test("fails when what is not there is found", async () => {
      expect(await objects.head("raw/nothing.wav")).toBeUndefined();
      const path = localPath();
      await expect(objects.getFile("raw/nothing.wav", path)).rejects.toMatchObject({ code: "input_not_found" });
      expect(existsSync(path)).toBe(false);
      await objects.remove("raw/nothing.wav");
      expect(await list("")).toEqual([]);
    });

    test.each([0, 1, 3 * 1024 ** 2 + 17])("fails when %i bytes are changed on their way", async (size) => {
      const content = randomBytes(size);
      const before = Date.now();
      const info = await put("raw/a/talk.bin", content, "audio/x-test");
      expect(info).toMatchObject({ key: "raw/a/talk.bin", sizeBytes: size, contentType: "audio/x-test" });
      expect(info.sha256).toBe(sha256(content));
      // Clocks of stores are coarse, and not ours.
      expect(Math.abs(info.modifiedAt - before)).toBeLessThan(10_000);
      expect(await objects.head("raw/a/talk.bin")).toEqual(info);
      expect(await opened.other.head("raw/a/talk.bin")).toEqual(info);
      const got = await get("raw/a/talk.bin", opened.other);
      expect(got.info).toEqual(info);
      expect(got.content.equals(content)).toBe(true);
    });

    test("fails when replaced content keeps its hash or etag, or another object gets it", async () => {
      const first = await put("raw/a.wav", "first");
      const neighbour = await put("raw/a.wav.json", "first");
      // The same length, within the same tick of most clocks.
      const second = await put("raw/a.wav", "other", "audio/flac");
      expect(second.etag).not.toBe(first.etag);
      expect(second).toMatchObject({ sha256: sha256("other"), contentType: "audio/flac" });
      expect(await opened.other.head("raw/a.wav")).toEqual(second);
      expect(await objects.head("raw/a.wav.json")).toEqual(neighbour);
      expect((await get("raw/a.wav")).content.toString()).toBe("other");
    });

    test("fails when a local file and its object remain tied to each other", async () => {
      const path = localPath();
      await writeFile(path, "as it was put");
      await objects.putFile("raw/a.wav", path, "audio/wav");
      await writeFile(path, "changed later");
      expect((await get("raw/a.wav")).content.toString()).toBe("as it was put");
      const got = localPath();
      await objects.getFile("raw/a.wav", got);
      await appendFile(got, " – edited by its new owner");
      expect((await objects.head("raw/a.wav"))?.sha256).toBe(sha256("as it was put"));
      const kept = localPath();
      await objects.getFile("raw/a.wav", kept);
      await put("raw/a.wav", "replaced");
      await objects.remove("raw/a.wav");
      expect(await readFile(kept, "utf8")).toBe("as it was put");
    });

    test("fails when a file that cannot be read becomes an object, or replaces one", async () => {
      await put("raw/a.wav", "good");
      await expect(objects.putFile("raw/a.wav", localPath(), "audio/wav")).rejects.toMatchObject({
        code: "input_not_found",
      });
      const directory = localPath();
      await mkdir(directory);
      await expect(objects.putFile("raw/a.wav", directory, "audio/wav")).rejects.toMatchObject({
        code: "input_unreadable",
      });
      expect((await get("raw/a.wav")).content.toString()).toBe("good");
      expect(await keysOf("")).toEqual(["raw/a.wav"]);
    });

    test("fails if a reader ever meets half an object, or one content with another's hash", async () => {
      const contents = [randomBytes(300_000), randomBytes(300_001), randomBytes(1)];
      const known = new Map(contents.map((content) => [sha256(content), content]));
      await put("raw/a.wav", contents[0] as Buffer);
      let writing = true;
      const write = async () => {
        for (let round = 0; round < 12; round++) {
          await put("raw/a.wav", contents[round % 3] as Buffer, "audio/wav", round % 2 === 0 ? objects : opened.other);
        }
        writing = false;
      };
      const read = async (store: ObjectStore) => {
        while (writing) {
          const { info, content } = await get("raw/a.wav", store);
          expect(known.get(info.sha256 ?? "")?.equals(content)).toBe(true);
          const head = await store.head("raw/a.wav");
          expect(known.get(head?.sha256 ?? "")?.length).toBe(head?.sizeBytes);
          for await (const entry of store.list("raw/")) expect(known.has(entry.sha256 ?? "")).toBe(true);
        }
      };
      await Promise.all([write(), read(objects), read(opened.other)]);
    });

    test("fails when racing puts of one key leave anything but one of them, whole", async () => {
      const contents = Array.from({ length: 8 }, (_, index) => `content ${index} `.repeat(1_000 + index));
      await Promise.all(
        contents.map((content, index) =>
          put("raw/a.wav", content, "audio/wav", index % 2 === 0 ? objects : opened.other),
        ),
      );
      const { info, content } = await get("raw/a.wav");
      expect(contents).toContain(content.toString());
      expect(info).toMatchObject({ sha256: sha256(content), contentType: "audio/wav" });
      expect(await keysOf("")).toEqual(["raw/a.wav"]);
    });

    objectKeysContract(store);

    describe("list", () => {
      const keys = ["a/1", "a/2", "a/b/3", "a/b/c/4", "ab/5", "b", "outputs/job-1/run/x", "outputs/job-10/run/x"];
      const prefixes: readonly (readonly [string, readonly string[]])[] = [
        ["", keys],
        ["a", keys.slice(0, 5)],
        ["a/", keys.slice(0, 4)],
        ["a/b", ["a/b/3", "a/b/c/4"]],
        ["a/b/", ["a/b/3", "a/b/c/4"]],
        ["a/1", ["a/1"]],
        ["a/1/", []],
        ["outputs/job-1/", ["outputs/job-1/run/x"]],
        ["outputs/job-1", keys.slice(6)],
        ["nothing/", []],
        ["c", []],
      ];
      test("fails when a prefix finds more or less than the keys that begin with it", async () => {
        for (const key of keys) await put(key, key);
        for (const [prefix, expected] of prefixes) expect(await keysOf(prefix), prefix).toEqual(expected);
      });

      test("fails when an entry differs from the object's head", async () => {
        const infos = [await put("x/1", "one", "text/plain"), await put("x/2", "two", "audio/flac")];
        const found = await list("x/");
        expect(found.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(infos);
      });

      test("fails when removing what is listed makes it miss the rest", async () => {
        for (let number = 0; number < 60; number++) await put(`outputs/${number % 7}/${number}`, "x");
        let removed = 0;
        for await (const { key } of objects.list("outputs/")) {
          await objects.remove(key);
          removed += 1;
        }
        expect(removed).toBe(60);
        expect(await keysOf("")).toEqual([]);
      });
    });

    describe("remove", () => {
      test("fails when a removed object stays, takes its neighbours along, or cannot come back", async () => {
        await put("a/b/1", "one");
        await put("a/b/2", "two");
        await put("a/b/c/3", "three");
        await objects.remove("a/b/1");
        await objects.remove("a/b/1");
        await objects.remove("a/b");
        expect(await objects.head("a/b/1")).toBeUndefined();
        expect(await keysOf("")).toEqual(["a/b/2", "a/b/c/3"]);
        await objects.remove("a/b/2");
        await objects.remove("a/b/c/3");
        expect(await keysOf("")).toEqual([]);
        expect(await put("a/b/1", "again")).toMatchObject({ sha256: sha256("again") });
      });

      test("fails when a put is lost to a removal beside it", async () => {
        const path = localPath();
        await writeFile(path, "kept");
        for (let round = 0; round < 15; round++) {
          const base = `runs/${round}/deep`;
          await put(`${base}/old`, "old");
          await Promise.all([
            objects.remove(`${base}/old`),
            opened.other.putFile(`${base}/new-1`, path, "audio/wav"),
            objects.putFile(`${base}/further/new-2`, path, "audio/wav"),
            opened.other.remove(`${base}/old`),
          ]);
          expect(await keysOf(`runs/${round}/`)).toEqual([`${base}/further/new-2`, `${base}/new-1`]);
        }
        await rm(path);
      });

      test("fails when a put fails because its folder is emptied at that moment", async () => {
        const path = localPath();
        await writeFile(path, "here and gone");
        const comeAndGo = async (key: string, store: ObjectStore): Promise<void> => {
          for (let round = 0; round < 40; round++) {
            await store.putFile(key, path, "audio/wav");
            expect(await store.head(key)).toMatchObject({ sha256: sha256("here and gone") });
            await store.remove(key);
          }
        };
        await Promise.all([1, 2, 3].map((own) => comeAndGo(`a/b/c/${own}`, own === 2 ? opened.other : objects)));
        expect(await keysOf("")).toEqual([]);
      });
    });
  });
}
