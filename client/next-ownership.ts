import type { PublicJob } from "./types.ts";

/** Letters of a tag: 96 bits, which nobody finds by trying. */
const tagBytes = 12;

/** A user's mark: a MAC of who they are, so that only the holder of the server's key can make it. */
export async function buildUserTag(secret: string, user: Readonly<Record<string, string>>): Promise<string> {
  const encoder = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), algorithm, false, ["sign"]);
  const entries = Object.entries(user).sort(([a], [b]) => (a < b ? -1 : 1));
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(JSON.stringify(entries))));
  return [...mac.subarray(0, tagBytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether an upload was begun under this mark: `raw/<owner>/<id>/<mark>-<filename>`. */
export const ownsKey = (tag: string, key: string): boolean => {
  const parts = key.split("/");
  return parts.length === 4 && parts[0] === "raw" && parts[3]?.startsWith(`${tag}-`) === true;
};

export const ownsJob = (user: Readonly<Record<string, string>>, job: PublicJob): boolean =>
  Object.entries(user).every(([name, value]) => job.metadata[name] === value);
