import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import * as fs from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { MixdownError } from "../../core/errors.ts";

// What the object store does to single files and folders; not an adapter, but a part of one.

const chunkBytes = 1024 ** 2;
/** Lost races in a row (each is another's success) until something else must be wrong. */
export const maxRounds = 20;

export interface Found {
  readonly path: string;
  readonly stats: BigIntStats;
}

export interface Content {
  readonly sha256: string;
  readonly stats: BigIntStats;
  /** Where it lies, to be moved into its place. */
  readonly from: string;
}

/** Copies to `staged`, on the disk for good, with the hash of the very bytes that are there. */
export async function copyHashed(path: string, staged: string): Promise<Content> {
  const source = await openSource(path);
  const target = await fs.open(staged, "wx");
  try {
    const hash = createHash("sha256");
    for await (const chunk of readChunks(source)) {
      hash.update(chunk);
      await target.writeFile(chunk);
    }
    await target.sync();
    return { sha256: hash.digest("hex"), stats: await target.stat({ bigint: true }), from: staged };
  } finally {
    await target.close();
    await source.close();
  }
}

/** Makes a scratch file itself ready to become an object; copies it where it cannot be moved. */
export async function seal(path: string, staged: string): Promise<Content> {
  const source = await openSource(path);
  try {
    const { dev, nlink } = await source.stat();
    const movable = (await fs.lstat(path)).isFile() && nlink === 1 && dev === (await fs.stat(dirname(staged))).dev;
    if (!movable) return await copyHashed(path, staged);
    const sha256 = await hashFile(source);
    // Lifetimes count from now on.
    await source.utimes(new Date(), new Date());
    await source.sync();
    return { sha256, stats: await source.stat({ bigint: true }), from: path };
  } finally {
    await source.close();
  }
}

async function openSource(path: string): Promise<fs.FileHandle> {
  try {
    // A named pipe would block us for good.
    if (!(await fs.stat(path)).isFile()) throw unreadable(path, "is not a regular file");
    return await fs.open(path, "r");
  } catch (error) {
    if (isCode(error, "ENOENT", "ENOTDIR")) {
      throw new MixdownError("input_not_found", { message: `The file ${path} does not exist; check the path.` });
    }
    if (isCode(error, "EACCES", "EPERM")) throw unreadable(path, "may not be read");
    throw error;
  }
}

export async function hashFile(file: fs.FileHandle): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of readChunks(file)) hash.update(chunk);
  return hash.digest("hex");
}

/** A file's content in pieces; each is good until the next is asked for. */
async function* readChunks(file: fs.FileHandle): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(chunkBytes);
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, position);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    position += bytesRead;
  }
}

/** Renames onto the key's path. A folder may vanish under us, when the last object in it is removed: made again. */
export async function moveIntoPlace(root: string, key: string, from: string): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      const made = await makeFolders(root, key);
      await fs.rename(from, join(root, key));
      // The name must survive a power cut as the content does: the folder's entry, and those of new folders.
      for (const folder of [...made, dirname(join(root, key))]) await syncFolder(folder);
      return;
    } catch (error) {
      if (isCode(error, "EISDIR", "ENOTEMPTY", "EEXIST", "ENOTDIR")) throw keyTaken(key);
      if (!isCode(error, "ENOENT") || round === maxRounds) throw error;
    }
  }
}

/** Makes the folders above a key, one by one, never through a link. @returns those that hold a new one */
async function makeFolders(root: string, key: string): Promise<string[]> {
  const holders: string[] = [];
  let folder = root;
  for (const segment of key.split("/").slice(0, -1)) {
    const next = join(folder, segment);
    try {
      await fs.mkdir(next);
      holders.push(folder);
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
      const stats = await fs.lstat(next);
      if (stats.isSymbolicLink()) throw linkRefused(key);
      if (!stats.isDirectory()) throw keyTaken(key);
    }
    folder = next;
  }
  return holders;
}

async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, "r");
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    // Gone again, or a system that cannot sync a folder (Windows).
    if (!isCode(error, "ENOENT", "EISDIR", "EPERM", "EINVAL")) throw error;
  }
}

/** False where the file system cannot link: another device, no support, too many links. */
export async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await fs.link(from, to);
    return true;
  } catch (error) {
    if (isCode(error, "EXDEV", "EPERM", "ENOTSUP", "EMLINK")) return false;
    throw error;
  }
}

/** Changes with every replacement and, beyond the granularity of time stamps, with every write. */
export const identify = (stats: BigIntStats): string => `${stats.ino}/${stats.size}/${stats.mtimeNs}`;

export const isSame = async ({ path, stats }: Found): Promise<boolean> =>
  identify(stats) === (await fs.lstat(path, { bigint: true }).then(identify, () => ""));

export const isCode = (error: unknown, ...codes: string[]): boolean =>
  codes.includes(String((error as NodeJS.ErrnoException | null)?.code));

const quote = (key: string): string => JSON.stringify(key.slice(0, 200));
export const linkRefused = (key: string): MixdownError =>
  new MixdownError("usage_invalid", {
    message: `The key ${quote(key)} leads over a symbolic link, which the store does not follow; put the file itself.`,
  });
const keyTaken = (key: string): MixdownError =>
  new MixdownError("usage_invalid", {
    message: `The key ${quote(key)} cannot be a file and a folder at once; choose another key.`,
  });
const unreadable = (path: string, why: string): MixdownError =>
  new MixdownError("input_unreadable", { message: `The file ${path} ${why}; give one that can be read.` });

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

/** By extension, for files that were put there by hand. */
export const guessContentType = (key: string): string =>
  contentTypes[extname(key).toLowerCase()] ?? "application/octet-stream";
