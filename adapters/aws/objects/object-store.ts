import { rm } from "node:fs/promises";
import { DeleteObjectCommand, ListObjectsV2Command, NoSuchKey } from "@aws-sdk/client-s3";
import { checkObjectKey } from "../../../core/check-object-key.ts";
import { MixdownError } from "../../../core/errors.ts";
import type { Permission } from "../../../core/permission.ts";
import type { ObjectStore } from "../../../core/ports.ts";
import { type Buckets, bucketOf, bucketsOf, headObject } from "../buckets.ts";
import { downloadObject } from "./download.ts";
import { type UploadSizes, uploadFile } from "./upload.ts";

export const objectStorePermissions: readonly Permission[] = (["raw", "derived"] as const).flatMap((resource) => [
  { action: "s3:GetObject", resource },
  { action: "s3:PutObject", resource },
  { action: "s3:DeleteObject", resource },
  { action: "s3:AbortMultipartUpload", resource },
  // Also what makes an object that is not there a 404 and not a 403.
  { action: "s3:ListBucket", resource: `${resource}-bucket` },
]);

const defaultSizes: UploadSizes = { multipartBytes: 64 * 1024 ** 2, partBytes: 16 * 1024 ** 2 };
const headsAtOnce = 8;

/**
 * Objects in S3: what the platform makes (`outputs/`, `cache/`) in one bucket, what others brought in the other.
 * @param sizes for tests: when a file is sent in parts
 */
export function createS3ObjectStore(buckets: Buckets, sizes: UploadSizes = defaultSizes): ObjectStore {
  /** Not a folder's marker, and in the bucket where its key leads. */
  const isOurs = (bucket: string, key: string): boolean => {
    try {
      checkObjectKey(key);
      return bucketOf(buckets, key) === bucket;
    } catch {
      return false;
    }
  };

  async function* listKeys(bucket: string, prefix: string): AsyncGenerator<readonly string[]> {
    let token: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token });
      const page = await buckets.client().send(command);
      yield (page.Contents ?? []).flatMap(({ Key = "" }) => (isOurs(bucket, Key) ? [Key] : []));
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  return {
    async head(key) {
      checkObjectKey(key);
      return headObject(buckets, key);
    },

    async putFile(key, path, contentType) {
      checkObjectKey(key);
      const { etag, sizeBytes, sha256 } = await uploadFile(buckets, key, path, contentType, sizes);
      const info = await headObject(buckets, key);
      // Replaced since: this is what ours was.
      return info?.etag === etag ? info : { key, sizeBytes, etag, contentType, sha256, modifiedAt: Date.now() };
    },

    async getFile(key, path) {
      checkObjectKey(key);
      await rm(path, { force: true });
      try {
        return await downloadObject(buckets, key, path);
      } catch (error) {
        await rm(path, { force: true });
        if (!(error instanceof NoSuchKey)) throw MixdownError.from(error);
        throw new MixdownError("input_not_found", {
          message: `The object ${JSON.stringify(key.slice(0, 200))} does not exist; check the key.`,
        });
      }
    },

    async *list(prefix) {
      const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      if (folder !== "") checkObjectKey(folder.slice(0, -1));
      for (const bucket of bucketsOf(buckets, prefix)) {
        for await (const keys of listKeys(bucket, prefix)) {
          // A listing knows neither type nor checksum.
          for (let at = 0; at < keys.length; at += headsAtOnce) {
            const infos = await Promise.all(keys.slice(at, at + headsAtOnce).map((key) => headObject(buckets, key)));
            for (const info of infos) if (info !== undefined) yield info;
          }
        }
      }
    },

    async remove(key) {
      checkObjectKey(key);
      await buckets.client().send(new DeleteObjectCommand({ Bucket: bucketOf(buckets, key), Key: key }));
    },
  };
}
