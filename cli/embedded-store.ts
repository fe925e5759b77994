import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { type EmbeddedConfig, readEmbeddedConfig } from "../config/embedded.ts";
import { MixdownError } from "../core/errors.ts";
import { type JobRef, parseJobRef } from "../core/job.ts";
import type { Reporter } from "./reporter.ts";
import type { EmbeddedPlatform } from "./wiring.ts";

export interface StoreOptions {
  readonly data?: string;
}

export interface OpenStore extends EmbeddedPlatform {
  readonly config: EmbeddedConfig;
}

export const addDataFlag = (command: Command): Command =>
  command.option("--data <DIR>", "folder of the platform's state (default: MIXDOWN_DATA or .mixdown)");

/** The platform's settings, with --data in place of MIXDOWN_DATA. @throws MixdownError `usage_invalid` */
export function readConfig({ data }: StoreOptions): EmbeddedConfig {
  const config = readEmbeddedConfig();
  return data === undefined ? config : { ...config, dataDir: resolve(data) };
}

/**
 * Opens the stores for one command and closes them after it.
 * @throws MixdownError `platform_unreachable` when there is no data folder and `create` is not asked for
 */
export async function withStore<Result>(
  options: StoreOptions,
  work: (store: OpenStore) => Promise<Result>,
  { create } = { create: false },
): Promise<Result> {
  const config = readConfig(options);
  if (!create && !existsSync(config.dataDir)) {
    throw new MixdownError("platform_unreachable", {
      message: `There is no platform's folder ${config.dataDir}. Give another --data, or start one with ${startCommand(options)}.`,
    });
  }
  // SQLite and the adapters are loaded for those who need them only.
  const { openEmbedded } = await import("./wiring.ts");
  const embedded = await openEmbedded(config);
  try {
    return await work({ ...embedded, config });
  } finally {
    await embedded.close();
  }
}

/** A job as named on the command line. @throws MixdownError `usage_invalid` */
export function readJobRef(text: string, { config }: OpenStore): JobRef {
  try {
    return parseJobRef(text, config.defaultOwner);
  } catch (cause) {
    throw new MixdownError("usage_invalid", {
      message: `JOBID is ${JSON.stringify(text.slice(0, 140))}; allowed are 1 to 128 letters, digits, _ and -.`,
      cause,
    });
  }
}

/** How the platform of this folder is started. */
export const startCommand = ({ data }: StoreOptions): string =>
  data === undefined ? "`npm start`" : `\`mixdown dev --data ${data}\``;

/** Says what is missing where nobody works on what was accepted. */
export function noteWhenIdle(store: OpenStore, options: StoreOptions, reporter: Reporter): void {
  if (store.isRunning) return;
  reporter.note(`No platform runs on ${store.config.dataDir}: the job starts with ${startCommand(options)}.`);
}
