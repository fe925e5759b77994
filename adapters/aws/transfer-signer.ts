import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { MultipartUpload, TransferSigner, UploadedPart } from "../../core/api-ports.ts";
import { checkObjectKey } from "../../core/check-object-key.ts";
import { MixdownError } from "../../core/errors.ts";
import type { Permission } from "../../core/permission.ts";
import { isoTime } from "../../core/platform.ts";
import type { Clock } from "../../core/ports.ts";
import { type Buckets, bucketOf, headObject } from "./buckets.ts";

/** A URL can do what its signer may. */
export const transferSignerPermissions: readonly Permission[] = [
  { action: "s3:PutObject", resource: "raw" },
  { action: "s3:GetObject", resource: "raw" },
  { action: "s3:AbortMultipartUpload", resource: "raw" },
  { action: "s3:ListMultipartUploadParts", resource: "raw" },
  { action: "s3:ListBucketMultipartUploads", resource: "raw-bucket" },
  { action: "s3:ListBucket", resource: "raw-bucket" },
  { action: "s3:GetObject", resource: "derived" },
  { action: "s3:ListBucket", resource: "derived-bucket" },
];

const checksumHeader = "x-amz-checksum-sha256";

/** S3's presigned URLs. They end with the signer's own credentials at the latest. */
export function createS3TransferSigner(buckets: Buckets, clock: Clock): TransferSigner {
  const placeOf = (key: string): { Bucket: string; Key: string } => {
    checkObjectKey(key);
    return { Bucket: bucketOf(buckets, key), Key: key };
  };
  const endOf = (expiresInSeconds: number): string => isoTime(clock.now() + expiresInSeconds * 1_000);
  const uploadOf = ({ key, uploadId }: MultipartUpload) => ({ ...placeOf(key), UploadId: uploadId });

  return {
    async presignUpload({ key, contentType, sizeBytes, sha256 }, expiresInSeconds) {
      const checksum = sha256 === undefined ? undefined : Buffer.from(sha256, "hex").toString("base64");
      const command = new PutObjectCommand({
        ...placeOf(key),
        ContentType: contentType,
        ContentLength: sizeBytes,
        ChecksumSHA256: checksum,
      });
      // Signed as headers: what is sent must be what was announced. A checksum in the URL would bind nobody.
      const url = await getSignedUrl(buckets.client(), command, {
        expiresIn: expiresInSeconds,
        signableHeaders: new Set(["host", "content-type", "content-length", checksumHeader]),
        unhoistableHeaders: new Set([checksumHeader]),
      });
      const headers = {
        "content-type": contentType,
        ...(checksum === undefined ? {} : { [checksumHeader]: checksum }),
      };
      return { method: "PUT", url, headers, expiresAt: endOf(expiresInSeconds) };
    },

    async presignForm({ key, contentType, maxBytes }, expiresInSeconds) {
      const { url, fields } = await createPresignedPost(buckets.client(), {
        ...placeOf(key),
        Conditions: [
          ["content-length-range", 1, maxBytes],
          ["eq", "$Content-Type", contentType],
        ],
        Fields: { "Content-Type": contentType },
        Expires: expiresInSeconds,
      });
      return { url, fields, expiresAt: endOf(expiresInSeconds) };
    },

    async presignDownload({ key, filename, contentType }, expiresInSeconds) {
      const command = new GetObjectCommand({
        ...placeOf(key),
        ResponseContentType: contentType,
        ResponseContentDisposition: buildDisposition(filename),
      });
      const url = await getSignedUrl(buckets.client(), command, { expiresIn: expiresInSeconds });
      return { url, expiresAt: endOf(expiresInSeconds) };
    },

    async createMultipart({ key, contentType }) {
      const { UploadId: uploadId = "" } = await buckets
        .client()
        .send(new CreateMultipartUploadCommand({ ...placeOf(key), ContentType: contentType }));
      return { uploadId, key };
    },

    async presignPart(upload, partNumber, expiresInSeconds) {
      const command = new UploadPartCommand({ ...uploadOf(upload), PartNumber: partNumber });
      const url = await getSignedUrl(buckets.client(), command, { expiresIn: expiresInSeconds });
      return { url, expiresAt: endOf(expiresInSeconds) };
    },

    async listParts(upload) {
      const parts: UploadedPart[] = [];
      let marker: string | undefined;
      do {
        const page = await translated(upload, () =>
          buckets.client().send(new ListPartsCommand({ ...uploadOf(upload), PartNumberMarker: marker })),
        );
        for (const { PartNumber = 0, Size = 0, ETag = "" } of page.Parts ?? []) {
          parts.push({ partNumber: PartNumber, sizeBytes: Size, etag: ETag });
        }
        marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
      } while (marker !== undefined);
      return parts;
    },

    async completeMultipart(upload, parts) {
      if (parts.length === 0) throw wrongParts("parts is empty; name at least one");
      const Parts = parts.map(({ partNumber, etag }) => ({ PartNumber: partNumber, ETag: etag }));
      await translated(upload, () =>
        buckets.client().send(new CompleteMultipartUploadCommand({ ...uploadOf(upload), MultipartUpload: { Parts } })),
      );
      const info = await headObject(buckets, upload.key);
      if (info === undefined) throw notFound(upload);
      return info;
    },

    async abortMultipart(upload) {
      try {
        await translated(upload, () => buckets.client().send(new AbortMultipartUploadCommand(uploadOf(upload))));
      } catch (error) {
        if (!(error instanceof MixdownError && error.code === "upload_not_found")) throw error;
      }
    },

    async sweepMultipart(epochMs) {
      let removed = 0;
      // The bucket's own rule ends them after a day; this is for whoever wants it sooner. Uploads go to this bucket only.
      const Bucket = buckets.raw;
      let at: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } | undefined = {};
      while (at !== undefined) {
        const page: ListMultipartUploadsCommandOutput = await buckets
          .client()
          .send(new ListMultipartUploadsCommand({ Bucket, ...at }));
        for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
          if (Initiated === undefined || Initiated.getTime() >= epochMs) continue;
          await buckets.client().send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
          removed += 1;
        }
        const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page;
        at = page.IsTruncated === true ? { KeyMarker, UploadIdMarker } : undefined;
      }
      return removed;
    },
  };
}

/** RFC 6266: a plain name for who reads no other, and the true one. */
function buildDisposition(filename: string): string {
  const plain = filename.replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/** What S3 says of an upload and its parts, in our words. */
async function translated<T>(upload: MultipartUpload, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "NoSuchUpload") throw notFound(upload);
    if (/^(InvalidPart|InvalidPartOrder|EntityTooSmall|MalformedXML)$/.test(name)) {
      throw wrongParts(`${name}: ${(error as Error).message}`);
    }
    throw error;
  }
}

const notFound = ({ uploadId }: MultipartUpload): MixdownError =>
  new MixdownError("upload_not_found", {
    message: `Upload ${uploadId.slice(0, 60)} does not exist or has ended; begin a new one.`,
  });

const wrongParts = (what: string): MixdownError =>
  new MixdownError("usage_invalid", {
    message: `The parts do not make a file: ${what}; upload what is missing again, then complete.`,
  });
