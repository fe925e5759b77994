import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { MixdownError } from "../../../core/errors.ts";
import { type Buckets, bucketOf, hashMetadata, unquote } from "../buckets.ts";

export interface UploadSizes {
  /** Longer files go in parts: what is sent in one piece is held in memory, so that it can be sent again. */
  readonly multipartBytes: number;
  /** At least 5 MiB, S3's minimum. */
  readonly partBytes: number;
}

/** What was stored. */
export interface Uploaded {
  readonly etag: string;
  readonly sizeBytes: number;
  /** Hexadecimal; our own reading of the whole. */
  readonly sha256: string;
}

/** Most parts of an upload are 10,000 (S3); a few are left in reserve. */
const mostParts = 9_900;
const partsAtOnce = 4;

/**
 * Stores a file. Every byte carries a SHA-256 that S3 verifies: of the whole, or of its part.
 * @throws MixdownError `input_not_found`, `input_unreadable`, `input_changed` when it is written to meanwhile
 */
export async function uploadFile(
  buckets: Buckets,
  key: string,
  path: string,
  contentType: string,
  sizes: UploadSizes,
): Promise<Uploaded> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    const target = { Bucket: bucketOf(buckets, key), Key: key };
    if (size > sizes.multipartBytes) return await putParts(buckets, target, file, size, contentType, sizes.partBytes);
    const Body = await readRange(file, 0, size, key);
    const sha256 = createHash("sha256").update(Body).digest();
    const { ETag } = await buckets.client().send(
      new PutObjectCommand({
        ...target,
        Body,
        ContentType: contentType,
        ChecksumSHA256: sha256.toString("base64"),
      }),
    );
    return { etag: unquote(ETag), sizeBytes: size, sha256: sha256.toString("hex") };
  } finally {
    await file.close();
  }
}

/** S3 has no SHA-256 of a whole that came in parts: it is read before, stored beside, and must be what was sent. */
async function putParts(
  buckets: Buckets,
  target: { readonly Bucket: string; readonly Key: string },
  file: FileHandle,
  sizeBytes: number,
  contentType: string,
  partBytes: number,
): Promise<Uploaded> {
  const client = buckets.client();
  const sha256 = await hashFile(file);
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({
      ...target,
      ContentType: contentType,
      ChecksumAlgorithm: "SHA256",
      Metadata: { [hashMetadata]: sha256 },
    }),
  );
  const upload = { ...target, UploadId };
  try {
    const size = Math.max(partBytes, Math.ceil(sizeBytes / mostParts));
    const sent = createHash("sha256");
    const parts: { PartNumber: number; ChecksumSHA256: string; ETag?: string | undefined }[] = [];
    const sending = new Set<Promise<unknown>>();
    for (let start = 0; start < sizeBytes; start += size) {
      const Body = await readRange(file, start, Math.min(size, sizeBytes - start), target.Key);
      sent.update(Body);
      const ChecksumSHA256 = createHash("sha256").update(Body).digest("base64");
      const part: (typeof parts)[number] = { PartNumber: parts.length + 1, ChecksumSHA256 };
      parts.push(part);
      const one = client.send(new UploadPartCommand({ ...upload, PartNumber: part.PartNumber, ChecksumSHA256, Body }));
      const done = one.then(({ ETag }) => {
        part.ETag = ETag;
        sending.delete(done);
      });
      // Told by the race or by the end; a rejection that nobody waits for yet is not unhandled.
      done.catch(() => {});
      sending.add(done);
      if (sending.size >= partsAtOnce) await Promise.race(sending);
    }
    await Promise.all(sending);
    if (sent.digest("hex") !== sha256) throw changedMeanwhile(target.Key);
    const { ETag } = await client.send(
      new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }),
    );
    return { etag: unquote(ETag), sizeBytes, sha256 };
  } catch (error) {
    // What stays behind all the same is ended by the bucket's rule after a day.
    await client.send(new AbortMultipartUploadCommand(upload)).catch(() => {});
    throw error;
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, "r");
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new MixdownError(missing ? "input_not_found" : "input_unreadable", {
      message: `The file ${JSON.stringify(path)} ${missing ? "does not exist" : "cannot be read"}; check its path and permissions.`,
      cause,
    });
  }
  throw new MixdownError("input_unreadable", { message: `${JSON.stringify(path)} is no file; name a file.` });
}

async function readRange(file: FileHandle, start: number, sizeBytes: number, key: string): Promise<Buffer> {
  const content = Buffer.allocUnsafe(sizeBytes);
  for (let at = 0; at < sizeBytes; ) {
    const { bytesRead } = await file.read(content, at, sizeBytes - at, start + at);
    if (bytesRead === 0) throw changedMeanwhile(key);
    at += bytesRead;
  }
  return content;
}

async function hashFile(file: FileHandle): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of file.createReadStream({ start: 0, autoClose: false, highWaterMark: 1024 ** 2 })) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}

const changedMeanwhile = (key: string): MixdownError =>
  new MixdownError("input_changed", {
    message: `The file for ${JSON.stringify(key.slice(0, 200))} was written to while it was stored; wait until it is complete.`,
    retryable: true,
  });
