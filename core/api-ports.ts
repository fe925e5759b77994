import type { ObjectInfo } from "./ports.ts";

/** What a browser or tool does to put one file, exactly as it was announced. */
export interface UploadTicket {
  readonly method: "PUT";
  readonly url: string;
  /** To be sent as they are; the store refuses the upload otherwise. */
  readonly headers: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** Fields that go before the file in a `multipart/form-data` POST. */
export interface UploadForm {
  readonly url: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly expiresAt: string;
}

export interface UploadAnnouncement {
  readonly key: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  /** Hexadecimal; the store verifies it. */
  readonly sha256?: string | undefined;
}

/** One part of a multipart upload, numbered from 1. */
export interface UploadedPart {
  readonly partNumber: number;
  readonly sizeBytes: number;
  readonly etag: string;
}

export interface MultipartUpload {
  readonly uploadId: string;
  readonly key: string;
}

/** Uploads and downloads by URLs that carry their own permission, for a while. */
export interface TransferSigner {
  presignUpload(announcement: UploadAnnouncement, expiresInSeconds: number): Promise<UploadTicket>;
  /** A form that a browser may post a file with, of at most `maxBytes`; for uploads whose size is not known yet. */
  presignForm(
    form: { readonly key: string; readonly contentType: string; readonly maxBytes: number },
    expiresInSeconds: number,
  ): Promise<UploadForm>;
  /** The browser saves it under `filename`. */
  presignDownload(
    download: { readonly key: string; readonly filename: string; readonly contentType: string },
    expiresInSeconds: number,
  ): Promise<{ readonly url: string; readonly expiresAt: string }>;
  createMultipart(announcement: { readonly key: string; readonly contentType: string }): Promise<MultipartUpload>;
  presignPart(
    upload: MultipartUpload,
    partNumber: number,
    expiresInSeconds: number,
  ): Promise<{ readonly url: string; readonly expiresAt: string }>;
  /** @throws MixdownError `upload_not_found` */
  listParts(upload: MultipartUpload): Promise<readonly UploadedPart[]>;
  /** @throws MixdownError `upload_not_found`, `usage_invalid` when a part is missing or another than named */
  completeMultipart(
    upload: MultipartUpload,
    parts: readonly { readonly partNumber: number; readonly etag: string }[],
  ): Promise<ObjectInfo>;
  /** Gone, or was never there. */
  abortMultipart(upload: MultipartUpload): Promise<void>;
  /** Aborts what was begun before `epochMs` and never completed. @returns how many */
  sweepMultipart(epochMs: number): Promise<number>;
}

export const apiScopes = ["jobs:read", "jobs:write", "uploads:write", "webhooks:write", "keys:write"] as const;
export type ApiScope = (typeof apiScopes)[number];

/** An API key as it is stored: never the secret itself. Times are ISO 8601. */
export interface ApiKeyRecord {
  readonly keyId: string;
  readonly owner: string;
  readonly name: string;
  /** SHA-256 of the secret, hexadecimal; the secret has 256 random bits, so nothing slower is needed. */
  readonly secretHash: string;
  readonly scopes: readonly ApiScope[];
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface ApiKeyStore {
  put(record: ApiKeyRecord): Promise<void>;
  get(keyId: string): Promise<ApiKeyRecord | undefined>;
  list(owner: string): Promise<readonly ApiKeyRecord[]>;
  /** Remembers the use, at most once a minute. */
  touch(keyId: string, at: string): Promise<void>;
  remove(owner: string, keyId: string): Promise<boolean>;
}

export interface RateLimiter {
  /** Takes one from the bucket `name`, which holds `burst` and refills `perSecond`. 0: allowed; else seconds to wait. */
  take(name: string, bucket: { readonly burst: number; readonly perSecond: number }): Promise<number>;
}
