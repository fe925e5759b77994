import { z } from "zod";
import type { UploadRecipe } from "../core/accept-upload.ts";
import { kindNames, parseParams } from "../core/kinds/index.ts";
import { readHttpConfig } from "./http.ts";
import { parseEnv } from "./parse-env.ts";

const jsonObject = z.string().transform((text, context): Record<string, unknown> => {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: "custom", message: 'must be a JSON object such as {"loudnessLufs":-16}' });
    return z.NEVER;
  }
});

const uploadSchema = z.object({
  MIXDOWN_UPLOAD_KIND: z.enum(kindNames).default("clean").describe("What becomes of a dropped file."),
  MIXDOWN_UPLOAD_PARAMS: jsonObject.default({}).describe("Its parameters."),
});

/** Settings of the HTTP API that a gateway or a function URL stands before: a key is always asked for. */
export function readDoorConfig(env: NodeJS.ProcessEnv = process.env) {
  const { corsOrigins, rateLimit, jwt } = readHttpConfig(env);
  return { access: "keys", corsOrigins, rateLimit, jwt } as const;
}

/** Whether this function may have deliveries sent later. */
export const knowsSchedules = (env: NodeJS.ProcessEnv = process.env): boolean =>
  (env.MIXDOWN_SCHEDULE_GROUP ?? "") !== "";

/** Whether webhooks may go to private addresses: where everything is an emulator on one machine, and nowhere else. */
export const mayCallPrivate = (env: NodeJS.ProcessEnv = process.env): boolean =>
  env.MIXDOWN_ENV === "test" && env.MIXDOWN_PRIVATE_WEBHOOKS === "true";

/** For the function that turns uploads into jobs. @throws MixdownError `usage_invalid` */
export function readUploadRecipe(env: NodeJS.ProcessEnv = process.env): UploadRecipe {
  const { MIXDOWN_UPLOAD_KIND: kind, MIXDOWN_UPLOAD_PARAMS: params } = parseEnv(uploadSchema, env);
  // A mistake is told when the function starts, and not by each job that fails.
  return { kind, params: parseParams(kind, params) };
}
