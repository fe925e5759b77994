import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { canonicalJson } from "./canonical-json.ts";
import { MixdownError } from "./errors.ts";

const nonceBytes = 12;
const tagBytes = 16;

/** AES-256 wants 32 bytes; a parameter may hold any text that cannot be guessed. */
const keyFrom = (secret: Uint8Array): Buffer => Buffer.from(hkdfSync("sha256", secret, "", "mixdown cursor", 32));

/** Where a list goes on, unreadable and unchangeable outside, good for `query` alone (AES-256-GCM). */
export function sealCursor(secret: Uint8Array, query: unknown, position: unknown): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", keyFrom(secret), nonce);
  cipher.setAAD(Buffer.from(canonicalJson(query)));
  const sealed = Buffer.concat([cipher.update(JSON.stringify(position)), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString("base64url");
}

/** @throws MixdownError `invalid_cursor` for what was not made here, was changed, or belongs to another query */
export function openCursor(secret: Uint8Array, query: unknown, cursor: string): unknown {
  try {
    const bytes = Buffer.from(cursor, "base64url");
    // Decoding skips over what is no base64url.
    if (bytes.toString("base64url") !== cursor) throw new Error("not base64url");
    const decipher = createDecipheriv("aes-256-gcm", keyFrom(secret), bytes.subarray(0, nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(Buffer.from(canonicalJson(query)));
    decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
    const opened = Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]);
    return JSON.parse(opened.toString());
  } catch (cause) {
    throw new MixdownError("invalid_cursor", {
      message: "The cursor is not one of this list; start again from the first page.",
      cause,
    });
  }
}
