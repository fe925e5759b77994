import { formatJobRef, type JobRef } from "./job.ts";

/** Prefix under which one run leaves its results; other runs of the job have their own. */
export const runPrefix = (ref: JobRef, runId: string, defaultOwner: string): string =>
  `${jobPrefix(ref, defaultOwner)}${runId}/`;

export const jobPrefix = (ref: JobRef, defaultOwner: string): string => `outputs/${formatJobRef(ref, defaultOwner)}/`;

/** Key of an uploaded file. The name is reduced to what every store and URL carries unharmed. */
export const rawKey = (owner: string, uploadId: string, filename: string): string =>
  `raw/${owner}/${uploadId}/${safeName(filename)}`;

/** A file name without separators, control characters and surprises; never empty, at most 200 characters. */
export function safeName(filename: string): string {
  const base = filename.split(/[/\\]/).at(-1) ?? "";
  const clean = base
    .normalize("NFC")
    .replace(/[\p{Cc}"*:<>?|]/gu, "_")
    .replace(/^\.+/, "_");
  if (clean === "") return "file";
  if (clean.length <= 200) return clean;
  const dot = clean.lastIndexOf(".");
  const extension = dot > 0 && clean.length - dot <= 12 ? clean.slice(dot) : "";
  return clean.slice(0, 200 - extension.length) + extension;
}

/** Whose room of uploads a key lies in; `null` outside any. */
export function roomOwnerOf(key: string): string | null {
  const [room, tenant = "", ...rest] = key.split("/");
  return room === "raw" && rest.length > 1 ? tenant : null;
}

/**
 * Whether `owner` may read `key`. Keys inside an owner's room belong to that owner alone; keys outside any room
 * (what older front ends put into the bucket) belong to the default owner. The cache is nobody's to read.
 */
export function mayRead(owner: string, key: string, defaultOwner: string): boolean {
  const [room, tenant = ""] = key.split("/");
  const roomOwner = roomOwnerOf(key);
  if (roomOwner !== null) return roomOwner === owner;
  if (room === "outputs") {
    const dot = tenant.indexOf(".");
    return (dot < 0 ? defaultOwner : tenant.slice(0, dot)) === owner;
  }
  if (room === "cache") return false;
  return owner === defaultOwner;
}
