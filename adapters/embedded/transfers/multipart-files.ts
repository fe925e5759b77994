import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { MultipartUpload, UploadedPart } from "../../../core/api-ports.ts";
import { MixdownError } from "../../../core/errors.ts";

interface Head {
  readonly key: string;
  readonly contentType: string;
}

/** As S3: every part but the last is at least this large, so that 10,000 parts reach far enough. */
const smallestPartBytes = 5 * 1024 ** 2;

/** Parts of uploads that are on their way, as files below `rootDir`: one folder an upload. */
export function createMultipartFiles(rootDir: string) {
  const folderOf = (uploadId: string): string => {
    if (!/^[0-9a-f-]{36}$/.test(uploadId)) throw notFound(uploadId);
    return join(rootDir, uploadId);
  };

  async function readHead({ uploadId, key }: MultipartUpload): Promise<Head> {
    let head: Head;
    try {
      head = JSON.parse(await readFile(join(folderOf(uploadId), "upload.json"), "utf8"));
    } catch {
      throw notFound(uploadId);
    }
    if (head.key !== key) throw notFound(uploadId);
    return head;
  }

  async function list(upload: MultipartUpload): Promise<readonly UploadedPart[]> {
    await readHead(upload);
    const parts: UploadedPart[] = [];
    for (const name of await readdir(folderOf(upload.uploadId))) {
      const [, number, etag] = /^(\d+)\.([0-9a-f]{32})$/.exec(name) ?? [];
      if (number === undefined || etag === undefined) continue;
      const { size } = await stat(join(folderOf(upload.uploadId), name));
      parts.push({ partNumber: Number(number), sizeBytes: size, etag: `"${etag}"` });
    }
    return parts.sort((a, b) => a.partNumber - b.partNumber);
  }

  return {
    readHead,
    list,

    async create(head: Head): Promise<MultipartUpload> {
      const uploadId = randomUUID();
      await mkdir(folderOf(uploadId), { recursive: true });
      await writeFile(join(folderOf(uploadId), "upload.json"), JSON.stringify(head));
      return { uploadId, key: head.key };
    },

    /** Takes a whole part over from a file; the same number again replaces it. @returns its ETag */
    async addPart(upload: MultipartUpload, partNumber: number, path: string): Promise<string> {
      await readHead(upload);
      const hash = createHash("md5");
      await pipeline(createReadStream(path), hash);
      const etag = hash.digest("hex");
      const folder = folderOf(upload.uploadId);
      const name = `${partNumber}.${etag}`;
      await rename(path, join(folder, name));
      for (const other of await readdir(folder)) {
        if (other.startsWith(`${partNumber}.`) && other !== name) await rm(join(folder, other), { force: true });
      }
      return `"${etag}"`;
    },

    /** Writes the named parts, in order, as one file. */
    async join(
      upload: MultipartUpload,
      parts: readonly { partNumber: number; etag: string }[],
      to: string,
    ): Promise<void> {
      const standing = new Map((await list(upload)).map((part) => [part.partNumber, part]));
      let previous = 0;
      for (const [index, { partNumber, etag }] of parts.entries()) {
        const part = standing.get(partNumber);
        const fault =
          partNumber <= previous
            ? "is out of order"
            : part === undefined || unquote(part.etag) !== unquote(etag)
              ? "was not uploaded with this ETag"
              : index < parts.length - 1 && part.sizeBytes < smallestPartBytes
                ? `is smaller than ${smallestPartBytes} bytes and not the last`
                : null;
        if (fault !== null) {
          throw new MixdownError("usage_invalid", {
            message: `Part ${partNumber} ${fault}; upload it again, then complete.`,
          });
        }
        previous = partNumber;
      }
      if (parts.length === 0)
        throw new MixdownError("usage_invalid", { message: "parts is empty; name at least one." });
      const target = createWriteStream(to, { flags: "wx" });
      for (const { partNumber, etag } of parts) {
        const source = createReadStream(join(folderOf(upload.uploadId), `${partNumber}.${unquote(etag)}`));
        await pipeline(source, target, { end: false });
      }
      target.end();
      await new Promise<void>((resolve, reject) => target.once("close", resolve).once("error", reject));
    },

    remove: (uploadId: string) => rm(folderOf(uploadId), { recursive: true, force: true }),

    async sweep(epochMs: number): Promise<number> {
      let removed = 0;
      for (const name of await readdir(rootDir).catch(() => [])) {
        const { mtimeMs } = await stat(join(rootDir, name)).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
        if (mtimeMs >= epochMs) continue;
        await rm(join(rootDir, name), { recursive: true, force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

const unquote = (etag: string): string => etag.replace(/^"|"$/g, "");

const notFound = (uploadId: string): MixdownError =>
  new MixdownError("upload_not_found", {
    message: `Upload ${uploadId.slice(0, 60)} does not exist or has ended; begin a new one.`,
  });
