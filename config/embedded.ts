import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { jobIdSchema, ownerSchema } from "../core/job.ts";
import { limits } from "../core/limits.ts";
import { readCacheDir } from "./compile-cache.js";
import { parseEnv } from "./parse-env.ts";

const flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");

const wholeNumber = (min: number, max: number) => z.coerce.number().int().min(min).max(max);

const schema = z.object({
  MIXDOWN_DATA: z.string().min(1).default(".mixdown").describe("Folder of the embedded platform's state."),
  MIXDOWN_DEFAULT_OWNER: ownerSchema.default("local").describe("Owner of jobs that come without a credential."),
  MIXDOWN_SHARED_CACHE: flag.default(false).describe("Owners share results of equal content."),
  MIXDOWN_WORKERS: wholeNumber(0, 256)
    .optional()
    .describe("Jobs processed at once; 0 accepts only. Default: one a core."),
  MIXDOWN_PRIVATE_WEBHOOKS: flag
    .default(false)
    .describe("Webhooks may go to this machine's network: development alone."),
  MIXDOWN_OUTPUT_DAYS: wholeNumber(1, 3_650)
    .default(limits.outputsMs / 86_400_000)
    .describe("Days that outputs are kept."),
});

/** Settings of the platform on one machine. */
export interface EmbeddedConfig {
  /** Absolute. */
  readonly dataDir: string;
  readonly defaultOwner: string;
  readonly sharedCache: boolean;
  readonly workers: number;
  readonly outputsMs: number;
  readonly privateWebhooks: boolean;
}

/** Reads `MIXDOWN_*`. @throws MixdownError `usage_invalid` naming variable, value and what is allowed */
export function readEmbeddedConfig(env: NodeJS.ProcessEnv = process.env): EmbeddedConfig {
  const values = parseEnv(schema, env);
  return {
    dataDir: resolve(values.MIXDOWN_DATA),
    defaultOwner: values.MIXDOWN_DEFAULT_OWNER,
    sharedCache: values.MIXDOWN_SHARED_CACHE,
    workers: values.MIXDOWN_WORKERS ?? availableParallelism(),
    outputsMs: values.MIXDOWN_OUTPUT_DAYS * 86_400_000,
    privateWebhooks: values.MIXDOWN_PRIVATE_WEBHOOKS,
  };
}

/** The environment that a worker inherits: the platform's own, with the folder that it really uses. */
export function buildWorkerEnv(config: EmbeddedConfig, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return {
    ...env,
    MIXDOWN_DATA: config.dataDir,
    MIXDOWN_DEFAULT_OWNER: config.defaultOwner,
    // A worker's start is part of every job's time: with it on from the first file, types are not stripped anew.
    NODE_COMPILE_CACHE: env.NODE_COMPILE_CACHE ?? join(readCacheDir(env), "compiled"),
  };
}

const taskSchema = z.object({
  /** A job's reference: its id, or `owner.id` outside the default owner. */
  MIXDOWN_JOB_ID: z
    .string()
    .refine(
      (text) => text.split(".").every((part) => jobIdSchema.safeParse(part).success),
      "must be a job's reference",
    ),
  MIXDOWN_ATTEMPT: wholeNumber(1, 1_000_000),
});

/** What a worker is told about its task. @throws MixdownError `usage_invalid` */
export function readTask(env: NodeJS.ProcessEnv = process.env): { readonly jobRef: string; readonly attempt: number } {
  const values = parseEnv(taskSchema, env);
  return { jobRef: values.MIXDOWN_JOB_ID, attempt: values.MIXDOWN_ATTEMPT };
}

/** How the scratch folders of one task begin. */
export const taskScratch = (jobRef: string, attempt: number): string => `task-${jobRef}-${attempt}-`;
