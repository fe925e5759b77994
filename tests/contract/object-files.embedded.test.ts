import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileObjectStore } from "../../adapters/embedded/object-store.ts";
import type { ObjectStore } from "../../core/ports.ts";

const putForever = fileURLToPath(new URL("../fixtures/put-forever.ts", import.meta.url));
const putOnce = fileURLToPath(new URL("../fixtures/put-once.ts", import.meta.url));
const sha256 = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

describe("objects on files", () => {
  let base: string;
  let root: string;
  let objects: ObjectStore;
  beforeEach(() => {
    base = fs.mkdtempSync(join(tmpdir(), "mixdown-files-"));
    root = join(base, "objects");
    fs.mkdirSync(root);
    objects = createFileObjectStore(root);
  });
  afterEach(() => fs.rmSync(base, { recursive: true }));

  const write = (path: string, content: Buffer | string): string => {
    fs.mkdirSync(join(path, ".."), { recursive: true });
    fs.writeFileSync(path, content);
    return path;
  };
  const local = (content: Buffer | string): string =>
    write(join(base, `local-${randomBytes(6).toString("hex")}`), content);
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const info of objects.list("")) found.push(info.key);
    return found.toSorted();
  };
  const age = (path: string, seconds: number): void => {
    const then = Date.now() / 1_000 - seconds;
    fs.utimesSync(path, then, then);
  };

  test("fails when a person cannot find and open an object", async () => {
    await objects.putFile("outputs/job-1/run/talk.wav", local("content"), "audio/wav");
    expect(fs.readFileSync(join(root, "outputs/job-1/run/talk.wav"), "utf8")).toBe("content");
  });

  test("fails when emptied folders stay, or the root goes", async () => {
    await objects.putFile("a/b/c/1", local("1"), "audio/wav");
    await objects.putFile("a/2", local("2"), "audio/wav");
    await objects.remove("a/b/c/1");
    expect(fs.readdirSync(join(root, "a"))).toEqual(["2"]);
    await objects.remove("a/2");
    expect(fs.readdirSync(root).toSorted()).toEqual([".meta", ".tmp"]);
  });

  test("fails when a key that is a folder, or goes through a file, is put, or leaves traces", async () => {
    await objects.putFile("a/b", local("b"), "audio/wav");
    for (const key of ["a", "a/b/c", "a/b/c/d"]) {
      await expect(objects.putFile(key, local("x"), "audio/wav")).rejects.toMatchObject({ code: "usage_invalid" });
      expect(await objects.head(key)).toBeUndefined();
    }
    expect(await keys()).toEqual(["a/b"]);
    expect(fs.readdirSync(join(root, ".tmp"))).toEqual([]);
  });

  describe("files that were dropped in by hand", () => {
    test("fails when their content is not hashed, or their type not guessed", async () => {
      write(join(root, "raw/talk.MP3"), "by hand");
      write(join(root, "raw/unknown"), "by hand");
      expect(await objects.head("raw/talk.MP3")).toMatchObject({
        sha256: sha256("by hand"),
        contentType: "audio/mpeg",
        sizeBytes: 7,
      });
      expect((await objects.head("raw/unknown"))?.contentType).toBe("application/octet-stream");
      expect(await keys()).toEqual(["raw/talk.MP3", "raw/unknown"]);
    });

    test("fails when an edit in place is taken for what was there", async () => {
      const path = write(join(root, "raw/a.wav"), "first");
      age(path, 600);
      const first = await objects.head("raw/a.wav");
      expect(first?.sha256).toBe(sha256("first"));
      fs.writeFileSync(path, "other");
      const second = await objects.head("raw/a.wav");
      expect(second?.sha256).toBe(sha256("other"));
      expect(second?.etag).not.toBe(first?.etag);
    });

    test("fails when an edit within one tick of the clock, which leaves every stamp as it was, goes unseen", async () => {
      const path = write(join(root, "raw/a.wav"), "first");
      const stamp = new Date();
      fs.utimesSync(path, stamp, stamp);
      expect((await objects.head("raw/a.wav"))?.sha256).toBe(sha256("first"));
      fs.writeFileSync(path, "other");
      fs.utimesSync(path, stamp, stamp);
      expect((await objects.head("raw/a.wav"))?.sha256).toBe(sha256("other"));
    });

    test("fails when a file put in place of an object keeps the object's hash or type", async () => {
      await objects.putFile("raw/a.wav", local("as put"), "audio/x-special");
      const dropped = local("dropped");
      age(dropped, 600);
      fs.renameSync(dropped, join(root, "raw/a.wav"));
      const info = await objects.head("raw/a.wav");
      expect(info).toMatchObject({ sha256: sha256("dropped"), contentType: "audio/wav" });
    });

    test("fails when a file that did not change is read again for each look", async () => {
      const path = write(join(root, "raw/a.wav"), "first");
      fs.utimesSync(path, 1_000, 1_000);
      await objects.head("raw/a.wav");
      // The one change that no stamp shows; who sees it has read the file, which may be 20 GB.
      fs.writeFileSync(path, "other");
      fs.utimesSync(path, 1_000, 1_000);
      expect((await objects.head("raw/a.wav"))?.sha256).toBe(sha256("first"));
    });
  });

  describe("links", () => {
    test("fails when a link inside the store leads out of it, for reading or for writing", async () => {
      const secret = local("secret");
      const outside = join(base, "outside");
      fs.mkdirSync(outside);
      fs.writeFileSync(join(outside, "file"), "untouched");
      fs.symlinkSync(secret, join(root, "link.wav"));
      fs.symlinkSync(outside, join(root, "folder"));
      const refused = { code: "usage_invalid" };
      for (const key of ["link.wav", "folder/file"]) {
        await expect(objects.head(key)).rejects.toMatchObject(refused);
        await expect(objects.getFile(key, join(base, "got"))).rejects.toMatchObject(refused);
      }
      for (const key of ["folder/file", "folder/new", "folder/deep/new"]) {
        await expect(objects.putFile(key, local("x"), "audio/wav")).rejects.toMatchObject(refused);
      }
      await expect(objects.remove("folder/file")).rejects.toMatchObject(refused);
      expect(await keys()).toEqual([]);
      expect(fs.readdirSync(outside)).toEqual(["file"]);
      expect(fs.readFileSync(join(outside, "file"), "utf8")).toBe("untouched");
      for await (const info of objects.list("folder/")) expect(info).toBeUndefined();
    });

    test("fails when a put or a removal on a link touches what it points to", async () => {
      const target = local("target");
      fs.symlinkSync(target, join(root, "a.wav"));
      await objects.putFile("a.wav", local("put"), "audio/wav");
      expect(fs.lstatSync(join(root, "a.wav")).isSymbolicLink()).toBe(false);
      fs.symlinkSync(target, join(root, "b.wav"));
      await objects.remove("b.wav");
      expect(fs.existsSync(join(root, "b.wav"))).toBe(false);
      expect(fs.readFileSync(target, "utf8")).toBe("target");
    });

    test("fails when the store's own folder may not be reached through a link", async () => {
      fs.symlinkSync(root, join(base, "elsewhere"));
      const same = createFileObjectStore(join(base, "elsewhere"));
      await same.putFile("a/b", local("x"), "audio/wav");
      expect(await objects.head("a/b")).toEqual(await same.head("a/b"));
    });
  });

  describe("scratch", () => {
    let scratchDir: string;
    let own: ObjectStore;
    beforeEach(() => {
      scratchDir = join(base, "scratch");
      fs.mkdirSync(scratchDir);
      own = createFileObjectStore(root, { scratchDir });
    });

    test("fails when the worker's files are copied though they could be moved or linked", async () => {
      const path = write(join(scratchDir, "out.wav"), "result");
      age(path, 86_400);
      const { ino } = fs.statSync(path);
      const info = await own.putFile("outputs/x.wav", path, "audio/wav");
      expect(info).toMatchObject({ sha256: sha256("result"), sizeBytes: 6 });
      expect(Date.now() - info.modifiedAt).toBeLessThan(10_000);
      expect(fs.existsSync(path)).toBe(false);
      expect(fs.statSync(join(root, "outputs/x.wav")).ino).toBe(ino);
      expect(await objects.head("outputs/x.wav")).toEqual(info);
      await own.getFile("outputs/x.wav", join(scratchDir, "in.wav"));
      expect(fs.statSync(join(scratchDir, "in.wav")).ino).toBe(ino);
      await own.putFile("outputs/x.wav", local("replaced"), "audio/wav");
      expect(fs.readFileSync(join(scratchDir, "in.wav"), "utf8")).toBe("result");
    });

    test("fails when an object and a file that somebody else may write to become one", async () => {
      await own.putFile("raw/a.wav", local("put"), "audio/wav");
      const outside = join(base, "download.wav");
      await own.getFile("raw/a.wav", outside);
      fs.appendFileSync(outside, "edited");
      const dropped = write(join(root, "raw/dropped.wav"), "dropped");
      await own.getFile("raw/dropped.wav", join(scratchDir, "in.wav"));
      fs.appendFileSync(dropped, " and edited");
      expect(fs.readFileSync(join(scratchDir, "in.wav"), "utf8")).toBe("dropped");
      await own.getFile("raw/a.wav", join(scratchDir, "linked.wav"));
      await own.putFile("outputs/same.wav", join(scratchDir, "linked.wav"), "audio/wav");
      expect(fs.statSync(join(root, "outputs/same.wav")).ino).not.toBe(fs.statSync(join(root, "raw/a.wav")).ino);
      expect((await objects.head("raw/a.wav"))?.sha256).toBe(sha256("put"));
    });

    test("fails when a put that failed has taken the file away", async () => {
      await own.putFile("a/b", local("b"), "audio/wav");
      const path = write(join(scratchDir, "out.wav"), "result");
      await expect(own.putFile("a", path, "audio/wav")).rejects.toMatchObject({ code: "usage_invalid" });
      expect(fs.readFileSync(path, "utf8")).toBe("result");
    });
  });

  describe("interrupted puts", () => {
    test("fails if a put that was killed becomes visible, or harms what was there", async () => {
      const contents = [randomBytes(24 * 1024 ** 2), randomBytes(24 * 1024 ** 2 + 1)];
      const hashes = new Map(contents.map((content) => [sha256(content), content.length]));
      const paths = contents.map((content) => local(content));
      for (let round = 0; round < 8; round++) {
        const key = `raw/round-${round % 4}.wav`;
        const child = spawn(process.execPath, [putForever, root, key, ...paths], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await once(child.stdout, "data");
        // A put of this size takes about 40 ms here; some of these fall into the first one, others into a later one.
        await sleep(10 + round * 17);
        child.kill("SIGKILL");
        await once(child, "exit");
        const info = await createFileObjectStore(root).head(key);
        if (info !== undefined) {
          expect(hashes.get(info.sha256 ?? "")).toBe(info.sizeBytes);
          expect(info.contentType).toBe("audio/wav");
          expect(sha256(fs.readFileSync(join(root, key)))).toBe(info.sha256);
        }
      }
      expect((await keys()).every((key) => key.startsWith("raw/round-"))).toBe(true);
      // Else none was killed in the middle, and this has shown nothing.
      expect(fs.readdirSync(join(root, ".tmp"))).not.toEqual([]);
    });

    test("fails when what a killed put left behind stays for good, or one that is under way is taken for it", async () => {
      await objects.head("anything");
      const abandoned = write(join(root, ".tmp/abandoned"), "half");
      const underWay = write(join(root, ".tmp/under-way"), "half");
      age(abandoned, 2 * 3_600);
      await createFileObjectStore(root).head("anything");
      expect([fs.existsSync(abandoned), fs.existsSync(underWay)]).toEqual([false, true]);
    });
  });

  test("fails when a full disk is not told as such, or leaves half a file behind", ({ skip }) => {
    const small = join(base, "small");
    fs.mkdirSync(small);
    const source = local(Buffer.alloc(2 * 1024 ** 2));
    const shell = `mount -t tmpfs -o size=1m none "$1" && shift && "$@" && ls -A "${small}/.tmp"`;
    const args = [process.execPath, putOnce, small, "raw/a.wav", source];
    const result = spawnSync("unshare", ["-rm", "sh", "-c", shell, "sh", small, ...args], { encoding: "utf8" });
    skip(result.error !== undefined || /unshare|mount/.test(result.stderr), "this system lets us mount nothing");
    expect(result.stdout).toBe("platform_disk_full\n");
  });
});
