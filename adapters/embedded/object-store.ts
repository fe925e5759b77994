import { createHash, randomUUID } from "node:crypto";
import { type BigIntStats, constants, createReadStream } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { checkObjectKey } from "../../core/check-object-key.ts";
import { MixdownError } from "../../core/errors.ts";
import type { ObjectInfo, ObjectStore } from "../../core/ports.ts";

export interface FileObjectStoreOptions {
  /**
   * `getFile` gives a hard link to an object that was put: for callers that only read what they get. It then costs
   * nothing, whatever the size. Otherwise a copy, which the caller may do with as it likes. @default false
   */
  readonly hardLinks?: boolean;
}

export interface FileObjectStore extends ObjectStore {
  /** With `mayMove` the local file itself may become the object; it is then gone from `path`. */
  putFile(key: string, path: string, contentType: string, options?: { mayMove?: boolean }): Promise<ObjectInfo>;
}

/** What we know of a file's content, bound to the very file by inode, size and time. Its own file beside the objects. */
interface Sidecar {
  readonly key: string;
  readonly sha256: string;
  readonly contentType: string;
  readonly file: string;
  /** Put by us, so nobody writes into it; false for one that was dropped in by hand and read. */
  readonly put: boolean;
}

interface Found {
  readonly path: string;
  readonly stats: BigIntStats;
}

const stagingName = ".tmp";
const sidecarName = ".meta";
/** An abandoned upload is one that was not written to for this long; 1 h is far beyond any stall. */
const abandonedMs = 3_600_000;
/** Coarsest time stamp of a file system (FAT): a file younger than this may change again without showing it. */
const timeStampMs = 2_000;
/** Lost races in a row (each is another's success) until something else must be wrong. */
const maxRounds = 20;

const contentTypes: Readonly<Record<string, string>> = {
  ".wav": "audio/wav",
  ".mp3": "audio/mpeg",
  ".m4a": "audio/mp4",
  ".aac": "audio/aac",
  ".flac": "audio/flac",
  ".ogg": "audio/ogg",
  ".opus": "audio/ogg",
  ".aif": "audio/aiff",
  ".aiff": "audio/aiff",
  ".mp4": "video/mp4",
  ".mov": "video/quicktime",
  ".mkv": "video/x-matroska",
  ".webm": "video/webm",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".txt": "text/plain; charset=utf-8",
};

/**
 * Objects as plain files under `rootDir`, one a key, so that a person can open them and drop them in. Puts replace by
 * rename; links are never followed. A sidecar is named by key and inode and stands before its file becomes visible, so
 * no crash can pair a file with another's hash; where none fits, the file is read again.
 */
export function createFileObjectStore(rootDir: string, options: FileObjectStoreOptions = {}): FileObjectStore {
  let opening: Promise<string> | undefined;
  /** The real path of the root, made on first use; abandoned uploads of killed processes go then. */
  const openRoot = (): Promise<string> => {
    opening ??= makeRoot(rootDir);
    opening.catch(() => {
      opening = undefined;
    });
    return opening;
  };

  const sidecarPath = (root: string, key: string, ino: bigint): string => {
    const name = createHash("sha256").update(key).digest("hex");
    return join(root, sidecarName, name.slice(0, 2), `${name}.${ino}.json`);
  };

  const readSidecar = async (root: string, key: string, stats: BigIntStats): Promise<Sidecar | undefined> => {
    try {
      const sidecar = JSON.parse(await fs.readFile(sidecarPath(root, key, stats.ino), "utf8")) as Sidecar;
      return sidecar.key === key && sidecar.file === identify(stats) ? sidecar : undefined;
    } catch {
      return undefined;
    }
  };

  const writeSidecar = async (root: string, sidecar: Sidecar, ino: bigint): Promise<void> => {
    const path = sidecarPath(root, sidecar.key, ino);
    const staged = join(root, stagingName, randomUUID());
    await fs.mkdir(dirname(path), { recursive: true });
    await fs.writeFile(staged, JSON.stringify(sidecar));
    await fs.rename(staged, path);
  };

  /** The file of a key, or nothing. @throws when a link stands in its way */
  const find = async (root: string, key: string): Promise<Found | undefined> => {
    checkObjectKey(key);
    const path = join(root, key);
    try {
      if ((await fs.realpath(path)) !== path) throw linkRefused(key);
      const stats = await fs.lstat(path, { bigint: true });
      return stats.isFile() ? { path, stats } : undefined;
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
      throw error;
    }
  };

  const describe = async (root: string, key: string, { path, stats }: Found): Promise<ObjectInfo & { put: boolean }> => {
    const known = await readSidecar(root, key, stats);
    const info = {
      key,
      sizeBytes: Number(stats.size),
      contentType: known?.contentType ?? contentTypes[extname(key).toLowerCase()] ?? "application/octet-stream",
      modifiedAt: Number(stats.mtimeMs),
      put: known?.put ?? false,
    };
    if (known !== undefined) return { ...info, sha256: known.sha256, etag: known.sha256.slice(0, 32) };
    const sha256 = await hashFile(path);
    if (!(await isSame({ path, stats }))) {
      // Somebody still writes into it: there is no content to speak of yet.
      return { ...info, sha256: null, etag: `${stats.size}-${stats.mtimeNs}` };
    }
    if (Math.abs(Date.now() - info.modifiedAt) > timeStampMs) {
      const { contentType } = info;
      await writeSidecar(root, { key, sha256, contentType, file: identify(stats), put: false }, stats.ino);
    }
    return { ...info, sha256, etag: sha256.slice(0, 32) };
  };

  const head = async (root: string, key: string): Promise<(ObjectInfo & { put: boolean }) | undefined> => {
    const found = await find(root, key);
    if (found === undefined) return undefined;
    return describe(root, key, found).catch((error) => {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    });
  };

  const store: FileObjectStore = {
    async head(key) {
      const info = await head(await openRoot(), key);
      return info === undefined ? undefined : publish(info);
    },

    async putFile(key, path, contentType, { mayMove = false } = {}) {
      checkObjectKey(key);
      const root = await openRoot();
      const staged = join(root, stagingName, randomUUID());
      let sidecar: string | undefined;
      try {
        const { sha256, stats } = await stage(path, staged, mayMove);
        sidecar = sidecarPath(root, key, stats.ino);
        await writeSidecar(root, { key, sha256, contentType, file: identify(stats), put: true }, stats.ino);
        const replaced = await fs.lstat(join(root, key), { bigint: true }).catch(() => undefined);
        await moveIntoPlace(root, key, staged);
        if (replaced !== undefined) await fs.rm(sidecarPath(root, key, replaced.ino), { force: true });
        const modifiedAt = Number(stats.mtimeMs);
        return { key, sizeBytes: Number(stats.size), etag: sha256.slice(0, 32), contentType, sha256, modifiedAt };
      } catch (error) {
        await fs.rm(staged, { force: true });
        if (sidecar !== undefined) await fs.rm(sidecar, { force: true });
        throw error;
      }
    },

    async getFile(key, path) {
      const root = await openRoot();
      for (let round = 0; round < maxRounds; round++) {
        const found = await find(root, key);
        if (found === undefined) throw notFound(key);
        try {
          const info = await describe(root, key, found);
          await fs.rm(path, { force: true });
          if (!(options.hardLinks === true && info.put && (await tryLink(found.path, path)))) {
            await fs.copyFile(found.path, path, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
          }
          if (await isSame(found)) return publish(info);
        } catch (error) {
          await fs.rm(path, { force: true });
          if (!isCode(error, "ENOENT") || (await isSame(found))) throw error;
        }
        // Replaced, removed or written to in the meantime: look again.
      }
      await fs.rm(path, { force: true });
      throw new MixdownError("input_changed", {
        message: `The object ${JSON.stringify(key)} is being written to; wait until it is complete.`,
        retryable: true,
      });
    },

    async *list(prefix) {
      const root = await openRoot();
      const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      if (folder !== "") checkObjectKey(folder.slice(0, -1));
      for await (const key of walk(root, folder)) {
        const info = key.startsWith(prefix) ? await head(root, key) : undefined;
        if (info !== undefined) yield publish(info);
      }
    },

    async remove(key) {
      checkObjectKey(key);
      const root = await openRoot();
      const path = join(root, key);
      try {
        const folder = dirname(path);
        if ((await fs.realpath(folder)) !== folder) throw linkRefused(key);
        const stats = await fs.lstat(path, { bigint: true });
        if (stats.isDirectory()) return;
        await fs.unlink(path);
        await fs.rm(sidecarPath(root, key, stats.ino), { force: true });
        for (let empty = folder; empty !== root; empty = dirname(empty)) await fs.rmdir(empty);
      } catch (error) {
        // Gone, or another object lies in the folder.
        if (!isCode(error, "ENOENT", "ENOTDIR", "ENOTEMPTY", "EEXIST")) throw error;
      }
    },
  };
  return {
    ...store,
    head: translated(store.head),
    putFile: translated(store.putFile),
    getFile: translated(store.getFile),
    remove: translated(store.remove),
  };
}

/** What `list` walks over: keys under `folder` ("" or with a trailing slash), unordered, streamed. */
async function* walk(root: string, folder: string): AsyncGenerator<string> {
  const path = join(root, folder);
  try {
    if (folder !== "" && join(await fs.realpath(path), "/") !== path) return;
    for await (const entry of await fs.opendir(path)) {
      const key = folder + entry.name;
      if (!isKey(key)) continue;
      if (entry.isDirectory()) yield* walk(root, `${key}/`);
      else if (entry.isFile()) yield key;
    }
  } catch (error) {
    if (!isCode(error, "ENOENT", "ENOTDIR")) throw error;
  }
}

async function makeRoot(rootDir: string): Promise<string> {
  for (const name of [stagingName, sidecarName]) await fs.mkdir(join(rootDir, name), { recursive: true });
  const root = await fs.realpath(rootDir);
  const staging = join(root, stagingName);
  for (const name of await fs.readdir(staging)) {
    const stats = await fs.lstat(join(staging, name)).catch(() => undefined);
    if (stats !== undefined && Date.now() - stats.mtimeMs > abandonedMs) await fs.rm(join(staging, name), { force: true });
  }
  return root;
}

/** Puts a file's content at `staged`, on the disk for good, with the hash of the bytes that are there. */
async function stage(path: string, staged: string, mayMove: boolean): Promise<{ sha256: string; stats: BigIntStats }> {
  const moved = mayMove && (await tryMove(path, staged));
  const target = await fs.open(staged, moved ? "r+" : "wx");
  try {
    // Lifetimes count from now, and a moved file must not look abandoned while it is read.
    if (moved) await target.utimes(new Date(), new Date());
    const hash = createHash("sha256");
    if (moved) for await (const chunk of createReadStream(staged)) hash.update(chunk as Buffer);
    else {
      await pipeline(
        openSource(path),
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            hash.update(chunk);
            yield chunk;
          }
        },
        target.createWriteStream({ autoClose: false }),
      );
    }
    await target.sync();
    return { sha256: hash.digest("hex"), stats: await target.stat({ bigint: true }) };
  } finally {
    await target.close();
  }
}
