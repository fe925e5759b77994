import { createHash, type Hash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { MixdownError } from "../../../core/errors.ts";
import type { ObjectInfo } from "../../../core/ports.ts";
import { type Buckets, bucketOf, describeObject } from "../buckets.ts";

/** Times that a download is taken up again where its connection broke. */
const resumes = 5;

/**
 * Writes an object to the new file `path`, going on where a broken connection left it, and checks it against its hash.
 * @throws MixdownError `input_changed` when it was replaced meanwhile; `NoSuchKey`
 */
export async function downloadObject(buckets: Buckets, key: string, path: string): Promise<ObjectInfo> {
  let info: ObjectInfo | undefined;
  for (let round = 0; ; round++) {
    const written = info === undefined ? 0 : await sizeOf(path);
    // Broken after the last byte: there is nothing behind it to ask for.
    const start = written === info?.sizeBytes ? 0 : written;
    const hash = await hashStart(path, start);
    try {
      const opened = await openObject(buckets, key, start, info);
      // Known from the first answer on, so that what breaks afterwards can be gone on with.
      info ??= opened.info;
      await pipeline(
        opened.body,
        buildMeter(hash),
        createWriteStream(path, { flags: start === 0 ? "w" : "r+", start }),
      );
      const sha256 = hash.digest("hex");
      if (info.sha256 !== null && info.sha256 !== sha256) throw damaged(key);
      return info;
    } catch (error) {
      if (nameOf(error) === "PreconditionFailed") throw changedMeanwhile(key);
      if (info === undefined || !isPassing(error) || round >= resumes) throw error;
    }
  }
}

async function openObject(
  buckets: Buckets,
  key: string,
  start: number,
  known: ObjectInfo | undefined,
): Promise<{ readonly info: ObjectInfo; readonly body: Readable }> {
  const { Body, ...answer } = await buckets.client().send(
    new GetObjectCommand({
      Bucket: bucketOf(buckets, key),
      Key: key,
      ...(known === undefined ? { ChecksumMode: "ENABLED" } : { IfMatch: `"${known.etag}"` }),
      ...(start === 0 ? {} : { Range: `bytes=${start}-` }),
    }),
  );
  return { info: known ?? describeObject(buckets, key, answer), body: Body as Readable };
}

const buildMeter = (hash: Hash): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });

/** The hash of what was written so far, to be gone on with. */
async function hashStart(path: string, sizeBytes: number): Promise<Hash> {
  const hash = createHash("sha256");
  if (sizeBytes > 0) for await (const chunk of createReadStream(path, { end: sizeBytes - 1 })) hash.update(chunk);
  return hash;
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");

/** A connection that broke; faults of the disk and refusals stay what they are. */
function isPassing(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "ECONNRESET" || code === "EPIPE" || code === "ETIMEDOUT" || nameOf(error) === "TimeoutError";
}

const damaged = (key: string): MixdownError =>
  new MixdownError("platform_internal", {
    message: `The object ${JSON.stringify(key.slice(0, 200))} arrived with another SHA-256 than it was stored with; it is read again.`,
  });

const changedMeanwhile = (key: string): MixdownError =>
  new MixdownError("input_changed", {
    message: `The object ${JSON.stringify(key.slice(0, 200))} is being replaced; wait until it is complete.`,
    retryable: true,
  });
