import { createHash, randomUUID } from "node:crypto";
import { type BigIntStats, constants, lstatSync, realpathSync } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { checkObjectKey } from "../../core/check-object-key.ts";
import { MixdownError } from "../../core/errors.ts";
import type { ObjectInfo, ObjectStore } from "../../core/ports.ts";
import {
  copyHashed,
  type Found,
  guessContentType,
  hashFile,
  identify,
  isCode,
  isSame,
  linkRefused,
  maxRounds,
  moveIntoPlace,
  seal,
  tryLink,
} from "./object-files.ts";

export interface FileObjectStoreOptions {
  /**
   * A folder whose files are the caller's alone and never written to again: what is put from there is moved, what is
   * got to there is a hard link to be read only. Both then cost nothing, whatever the size. @default none
   */
  readonly scratchDir?: string;
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

const stagingName = ".tmp";
const sidecarName = ".meta";
/** An abandoned upload is one that was not written to for this long; 1 h is far beyond any stall. */
const abandonedMs = 3_600_000;
/** A few hundred bytes each. */
const rememberedSidecars = 1_000;
/** Coarsest time stamp of a file system (FAT): a file younger than this may change again without showing it. */
const timeStampMs = 2_000;

/**
 * Objects as plain files under `rootDir`, one a key, so that a person can open them and drop them in. Puts replace by
 * rename; links are never followed. A sidecar is named by key and inode and stands before its file becomes visible, so
 * no crash can pair a file with another's hash; where none fits, the file is read again.
 */
export function createFileObjectStore(rootDir: string, options: FileObjectStoreOptions = {}): ObjectStore {
  let opening: Promise<string> | undefined;
  /** The real path of the root, made on first use; abandoned uploads of killed processes go then. */
  const openRoot = (): Promise<string> => {
    opening ??= makeRoot(rootDir);
    opening.catch(() => {
      opening = undefined;
    });
    return opening;
  };

  const isScratch = (path: string): boolean =>
    options.scratchDir !== undefined && resolve(path).startsWith(join(resolve(options.scratchDir), "/"));

  const sidecarPath = (root: string, key: string, ino: bigint): string => {
    const name = createHash("sha256").update(key).digest("hex");
    return join(root, sidecarName, name.slice(0, 2), `${name}.${ino}.json`);
  };

  /** Sidecars by path, most recently read last. One is true for as long as its file is the very same. */
  const remembered = new Map<string, Sidecar>();

  const readSidecar = async (root: string, key: string, stats: BigIntStats): Promise<Sidecar | undefined> => {
    const path = sidecarPath(root, key, stats.ino);
    const fits = (sidecar: Sidecar) => sidecar.key === key && sidecar.file === identify(stats);
    const known = remembered.get(path);
    if (known !== undefined && fits(known)) return known;
    try {
      const sidecar = JSON.parse(await fs.readFile(path, "utf8")) as Sidecar;
      if (!fits(sidecar)) return undefined;
      remembered.set(path, sidecar);
      for (const oldest of remembered.keys()) if (remembered.size > rememberedSidecars) remembered.delete(oldest);
      return sidecar;
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
  const find = (root: string, key: string): Found | undefined => {
    checkObjectKey(key);
    const path = join(root, key);
    try {
      // At once: a look at a name takes microseconds, and waking another thread for it twenty times that.
      if (realpathSync.native(path) !== path) throw linkRefused(key);
      const stats = lstatSync(path, { bigint: true });
      return stats.isFile() ? { path, stats } : undefined;
    } catch (error) {
      if (isCode(error, "ENOENT", "ENOTDIR", "ELOOP")) return undefined;
      throw error;
    }
  };

  const describe = async (
    root: string,
    key: string,
    { path, stats }: Found,
  ): Promise<ObjectInfo & { put: boolean }> => {
    const known = await readSidecar(root, key, stats);
    const info = {
      key,
      sizeBytes: Number(stats.size),
      contentType: known?.contentType ?? guessContentType(key),
      modifiedAt: Number(stats.mtimeMs),
      put: known?.put ?? false,
    };
    if (known !== undefined) return { ...info, sha256: known.sha256, etag: known.sha256.slice(0, 32) };
    const file = await fs.open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    const sha256 = await hashFile(file).finally(() => file.close());
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
    const found = find(root, key);
    if (found === undefined) return undefined;
    return describe(root, key, found).catch((error) => {
      if (isCode(error, "ENOENT")) return undefined;
      throw error;
    });
  };

  const store: ObjectStore = {
    async head(key) {
      const info = await head(await openRoot(), key);
      return info === undefined ? undefined : publish(info);
    },

    async putFile(key, path, contentType) {
      checkObjectKey(key);
      const root = await openRoot();
      const staged = join(root, stagingName, randomUUID());
      let sidecar: string | undefined;
      try {
        const { sha256, stats, from } = isScratch(path) ? await seal(path, staged) : await copyHashed(path, staged);
        sidecar = sidecarPath(root, key, stats.ino);
        await writeSidecar(root, { key, sha256, contentType, file: identify(stats), put: true }, stats.ino);
        const replaced = await fs.lstat(join(root, key), { bigint: true }).catch(() => undefined);
        await moveIntoPlace(root, key, from);
        if (replaced !== undefined && replaced.ino !== stats.ino) {
          await fs.rm(sidecarPath(root, key, replaced.ino), { force: true });
        }
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
        const found = find(root, key);
        if (found === undefined) throw notFound(key);
        try {
          const info = await describe(root, key, found);
          await fs.rm(path, { force: true });
          if (!(isScratch(path) && info.put && (await tryLink(found.path, path)))) {
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
    if (stats !== undefined && Date.now() - stats.mtimeMs > abandonedMs)
      await fs.rm(join(staging, name), { force: true });
  }
  return root;
}

const isKey = (name: string): boolean => {
  try {
    checkObjectKey(name);
    return true;
  } catch {
    return false;
  }
};

const publish = ({ put: _, ...info }: ObjectInfo & { put: boolean }): ObjectInfo => info;

const translated =
  <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
  async (...args: A): Promise<R> => {
    try {
      return await call(...args);
    } catch (error) {
      throw MixdownError.from(error);
    }
  };

const quote = (key: string): string => JSON.stringify(key.slice(0, 200));
const notFound = (key: string): MixdownError =>
  new MixdownError("input_not_found", { message: `The object ${quote(key)} does not exist; check the key.` });
