import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { MixdownError } from "../core/errors.ts";

export interface Scratch {
  readonly path: string;
  remove(): Promise<void>;
}

const live = new Set<string>();
let hooked = false;

/**
 * A hidden folder in `parent` for everything unfinished, so that a finished file moves to its place by a rename. It is
 * removed by `remove`, else when the process exits; what a killed process left is removed by the next one here.
 * @throws MixdownError `input_output_unwritable`, `usage_output_folder_missing`, `platform_disk_full`
 */
export function createScratch(parent: string): Scratch {
  if (!hooked) process.on("exit", () => live.forEach(removeNow));
  hooked = true;
  let path: string;
  try {
    removeAbandoned(parent);
    path = mkdtempSync(join(parent, `${ownPrefix()}${process.pid}-`));
  } catch (cause) {
    throw describeWriteFault(cause, parent);
  }
  live.add(path);
  return {
    path,
    remove: async () => {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
      live.delete(path);
    },
  };
}

/** Why a folder or file could not be written to, as an error of the table. `place` is its name for the user. */
export function describeWriteFault(cause: unknown, place: string): MixdownError {
  const code = (cause as NodeJS.ErrnoException | null)?.code;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new MixdownError("usage_output_folder_missing", {
      message: `The folder ${place} does not exist. Create it first, or name another output.`,
      cause,
    });
  }
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new MixdownError("input_output_unwritable", {
      message: `${place} cannot be written to (${code}). Choose a place that you may write to.`,
      cause,
    });
  }
  return MixdownError.from(cause);
}

// The host is part of the name: a shared folder shows the process ids of other machines too.
const ownPrefix = (): string =>
  `.mixdown-${hostname()
    .replaceAll(/[^A-Za-z0-9]/g, "")
    .slice(0, 24)}-`;

function removeAbandoned(parent: string): void {
  const prefix = ownPrefix();
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(prefix) ? /^(\d+)-[^-]{6}$/.exec(name.slice(prefix.length))?.[1] : undefined;
    if (pid !== undefined && !isAlive(Number(pid))) removeNow(join(parent, name));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function removeNow(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // Not ours to remove, or still being written to.
  }
}
