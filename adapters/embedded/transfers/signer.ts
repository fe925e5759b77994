import { randomUUID } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { TransferSigner } from "../../../core/api-ports.ts";
import { isoTime } from "../../../core/platform.ts";
import type { Clock, ObjectStore } from "../../../core/ports.ts";
import type { createMultipartFiles } from "./multipart-files.ts";
import { sealGrant, type TransferGrant } from "./token.ts";

export interface TransferSignerOptions {
  /** Where the transfer handler is reached, without a slash at the end. */
  readonly baseUrl: () => string;
  readonly secret: Buffer;
  readonly objects: ObjectStore;
  readonly multipart: ReturnType<typeof createMultipartFiles>;
  readonly scratchDir: string;
  readonly clock: Clock;
}

/** Presigned URLs of the embedded platform: like S3's, they carry their permission, and nothing else is needed. */
export function createTransferSigner(options: TransferSignerOptions): TransferSigner {
  const { baseUrl, secret, objects, multipart, scratchDir, clock } = options;
  const seal = (grant: Omit<TransferGrant, "expiresAt">, expiresInSeconds: number) => {
    const expiresAt = clock.now() + expiresInSeconds * 1_000;
    const name = encodeURIComponent(grant.filename ?? grant.key.split("/").at(-1) ?? "file");
    return {
      url: `${baseUrl()}/files/${sealGrant(secret, { ...grant, expiresAt })}/${name}`,
      expiresAt: isoTime(expiresAt),
    };
  };
  return {
    async presignUpload({ key, contentType, sizeBytes, sha256 }, expiresInSeconds) {
      const checksum = sha256 === undefined ? undefined : Buffer.from(sha256, "hex").toString("base64");
      const sealed = seal({ operation: "put", key, contentType, sizeBytes, checksum }, expiresInSeconds);
      const headers = {
        "content-type": contentType,
        ...(checksum === undefined ? {} : { "x-amz-checksum-sha256": checksum }),
      };
      return { method: "PUT", headers, ...sealed };
    },
    async presignForm({ key, contentType, maxBytes }, expiresInSeconds) {
      const expiresAt = clock.now() + expiresInSeconds * 1_000;
      const grant = sealGrant(secret, { operation: "form", key, contentType, maxBytes, expiresAt });
      const fields = { key, "content-type": contentType, "x-mixdown-grant": grant };
      return { url: `${baseUrl()}/files/form`, fields, expiresAt: isoTime(expiresAt) };
    },
    presignDownload: async ({ key, filename, contentType }, expiresInSeconds) =>
      seal({ operation: "get", key, filename, contentType }, expiresInSeconds),
    createMultipart: (announcement) => multipart.create(announcement),
    async presignPart(upload, partNumber, expiresInSeconds) {
      await multipart.readHead(upload);
      return seal({ operation: "part", ...upload, partNumber }, expiresInSeconds);
    },
    listParts: (upload) => multipart.list(upload),
    async completeMultipart(upload, parts) {
      const { contentType } = await multipart.readHead(upload);
      await mkdir(scratchDir, { recursive: true });
      const whole = join(scratchDir, randomUUID());
      try {
        await multipart.join(upload, parts, whole);
        const object = await objects.putFile(upload.key, whole, contentType);
        await multipart.remove(upload.uploadId);
        return object;
      } finally {
        await rm(whole, { force: true });
      }
    },
    abortMultipart: ({ uploadId }) => multipart.remove(uploadId),
    sweepMultipart: (epochMs) => multipart.sweep(epochMs),
  };
}
