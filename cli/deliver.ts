import {
  chmodSync,
  createReadStream,
  createWriteStream,
  mkdirSync,
  realpathSync,
  renameSync,
  rmdirSync,
  statSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { OutputPlan } from "./output-file.ts";
import { describeWriteFault } from "./scratch.ts";

/** Folder in which the unfinished file of `plan` lies: its own, so that finishing is a rename. Null: any. */
export function prepareFolder(plan: OutputPlan): string | null {
  if (plan.type === "stream") return null;
  try {
    if (plan.newFolder !== null) mkdirSync(plan.newFolder, { recursive: true });
    return plan.newFolder ?? dirname(followLink(plan.shown));
  } catch (cause) {
    throw describeWriteFault(cause, dirname(plan.shown));
  }
}

/** Takes a folder away that was made for an output which did not come. */
export function dropFolder(plan: OutputPlan): void {
  if (plan.type === "stream" || plan.newFolder === null) return;
  try {
    rmdirSync(plan.newFolder);
  } catch {
    // Not empty: another output is in it.
  }
}

/**
 * Puts a finished file in its place: in one step, or byte by byte into a stream.
 * @returns its size in bytes
 * @throws MixdownError `input_output_unwritable`, `platform_disk_full`
 */
export async function deliver(finished: string, plan: OutputPlan, stdout: Writable): Promise<number> {
  const { size } = statSync(finished);
  try {
    if (plan.type === "file") {
      const target = followLink(plan.shown);
      const standing = statSync(target, { throwIfNoEntry: false });
      // Who replaced a file keeps its permissions.
      if (standing !== undefined) chmodSync(finished, standing.mode & 0o777);
      renameSync(finished, target);
    } else if (plan.path === null) {
      await pipeline(createReadStream(finished), stdout, { end: false });
    } else {
      await pipeline(createReadStream(finished), createWriteStream(plan.path, { flags: "w" }));
    }
  } catch (cause) {
    // The reader has what it wanted (| head).
    if ((cause as NodeJS.ErrnoException).code !== "EPIPE") throw describeWriteFault(cause, plan.shown);
  }
  return size;
}

/** A link is written through, so that it stays one. */
function followLink(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
