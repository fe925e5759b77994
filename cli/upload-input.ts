import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { extname } from "node:path";
import { pipeline } from "node:stream/promises";
import { MixdownError } from "../core/errors.ts";
import type { JobInput } from "../core/job.ts";
import { audioFormats } from "../core/kinds/audio-formats.ts";
import { rawKey } from "../core/object-keys.ts";
import { createId, type Platform } from "../core/platform.ts";
import { type LocalInput, parseInputs } from "./input-file.ts";
import type { GivenInput } from "./role-flags.ts";

/** What stands for an input of a job on the command line. */
export type JobSource =
  | { readonly type: "stored"; readonly input: JobInput }
  | { readonly type: "file"; readonly file: LocalInput };

/** `key:KEY`, `job:JOBID/OUTPUT`, or a file here. @throws MixdownError `usage_*` */
export function parseSources(given: readonly GivenInput[]): readonly JobSource[] {
  const files = parseInputs(given.filter(({ text }) => !isStored(text)).map(({ text }) => text));
  let next = 0;
  return given.map(({ text, role }) =>
    isStored(text)
      ? { type: "stored", input: { ...parseStored(text), role } }
      : { type: "file", file: { ...(files[next++] as LocalInput), role } },
  );
}

const isStored = (text: string): boolean => text.startsWith("key:") || text.startsWith("job:");

function parseStored(text: string): JobInput {
  const rest = text.slice(4);
  if (text.startsWith("key:") && rest !== "") return { key: rest };
  const slash = rest.indexOf("/");
  if (text.startsWith("job:") && slash > 0 && slash < rest.length - 1) {
    return { jobId: rest.slice(0, slash), output: rest.slice(slash + 1) };
  }
  throw new MixdownError("usage_invalid", {
    message: `${text} names no input; allowed are a file, key:KEY and job:JOBID/OUTPUT (a file of that name: ./${text}).`,
  });
}

/** Whether the file can be taken, before anything is copied. @throws MixdownError `input_*` */
export function checkFile({ given, path }: LocalInput): void {
  if (path === null) return;
  const entry = statSync(path, { throwIfNoEntry: false });
  if (entry === undefined)
    throw new MixdownError("input_not_found", { message: `${given} does not exist. Check the path.` });
  if (!entry.isFile()) {
    throw new MixdownError("input_unreadable", {
      message: `${given} is ${entry.isDirectory() ? "a folder" : "not a regular file"}. Give a file.`,
    });
  }
  if (entry.size === 0) throw new MixdownError("input_empty", { message: `${given} is empty (0 bytes).` });
}

/**
 * Copies a file into the store.
 * @param stable names it by its content, so that the same file under the same job id is the same request
 */
export async function uploadFile(
  { objects, clock }: Pick<Platform, "objects" | "clock">,
  owner: string,
  file: { readonly name: string; readonly path: string },
  { stable }: { readonly stable: boolean },
): Promise<string> {
  const uploadId = stable ? (await hashFile(file.path)).slice(0, 26) : createId(clock);
  const key = rawKey(owner, uploadId, file.name);
  await objects.putFile(key, file.path, contentTypeOf(file.name));
  return key;
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** By the extension alone: the worker looks at the content. */
export function contentTypeOf(name: string): string {
  const extension = extname(name).slice(1).toLowerCase();
  const formats: Readonly<Record<string, { readonly contentType: string }>> = audioFormats;
  if (Object.hasOwn(formats, extension)) return formats[extension]?.contentType ?? "application/octet-stream";
  return extension === "mp4" ? "video/mp4" : "application/octet-stream";
}
