import { z } from "zod";
import { laneSchema, sizeSchema } from "./job.ts";
import { estimateSeconds } from "./lane.ts";
import type { Platform } from "./platform.ts";
import { prepareJob } from "./submit.ts";

/** What a job would take, for `dryRun`. */
export const estimateSchema = z.object({
  lane: laneSchema,
  size: sizeSchema,
  /** Time limit that the job would get. */
  timeoutSeconds: z.number(),
  /** Sum of the inputs' sizes; `null` while another job has yet to make one. */
  inputBytes: z.number().int().nullable(),
  /** Processing time, from a table of measurements and the inputs' sizes: rather too long than too short. `null` as above. */
  expectedSeconds: z.number().nullable(),
  /** `null` where nothing is paid for (embedded) or nothing is known. */
  estimatedUsd: z.number().nullable(),
});
export type Estimate = z.infer<typeof estimateSchema>;

/** Checks a request as `submit` does and says what it would take; writes nothing. @throws as `submit` */
export async function estimate(
  platform: Pick<Platform, "jobs" | "objects" | "clock" | "settings">,
  body: unknown,
  owner: string,
): Promise<Estimate> {
  const { job, extent } = await prepareJob(platform, body, owner);
  const { kind, lane, size, timeoutSeconds, cost } = job;
  return {
    ...{ lane, size, timeoutSeconds },
    inputBytes: extent?.sizeBytes ?? null,
    expectedSeconds: estimateSeconds(kind, extent, platform.settings.slowness),
    estimatedUsd: cost.estimatedUsd,
  };
}
