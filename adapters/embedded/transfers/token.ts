import { createHmac, timingSafeEqual } from "node:crypto";
import { MixdownError } from "../../../core/errors.ts";

/** What one URL allows; everything that matters is under its signature. */
export interface TransferGrant {
  readonly operation: "put" | "get" | "part" | "form";
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly contentType?: string | undefined;
  readonly sizeBytes?: number | undefined;
  /** Most bytes of a form's file. */
  readonly maxBytes?: number | undefined;
  /** Base64, as S3's checksum header has it. */
  readonly checksum?: string | undefined;
  readonly filename?: string | undefined;
  readonly uploadId?: string | undefined;
  readonly partNumber?: number | undefined;
}

const sign = (secret: Buffer, payload: string): Buffer => createHmac("sha256", secret).update(payload).digest();

/** The grant as text for a URL, signed. */
export function sealGrant(secret: Buffer, grant: TransferGrant): string {
  const payload = Buffer.from(JSON.stringify(grant)).toString("base64url");
  return `${payload}.${sign(secret, payload).toString("base64url")}`;
}

/** @throws MixdownError `auth_invalid` for what we did not sign, or signed for another time */
export function openGrant(secret: Buffer, token: string, now: number): TransferGrant {
  const [payload = "", signature = ""] = token.split(".");
  const expected = sign(secret, payload);
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new MixdownError("auth_invalid", { message: "The URL's signature does not match; ask for a new URL." });
  }
  const grant = JSON.parse(Buffer.from(payload, "base64url").toString()) as TransferGrant;
  if (grant.expiresAt <= now) {
    throw new MixdownError("auth_invalid", { message: "The URL has expired; ask for a new one." });
  }
  return grant;
}
