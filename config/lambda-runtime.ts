import { z } from "zod";
import { parseEnv } from "./parse-env.ts";

const schema = z.object({
  AWS_LAMBDA_RUNTIME_API: z.string().min(1).describe("Host and port of the runtime's interface."),
  MIXDOWN_SCRATCH: z.string().min(1).default("/tmp"),
});

/** What Lambda tells a runtime. @throws MixdownError `usage_invalid` */
export function readLambdaRuntime(env: NodeJS.ProcessEnv = process.env): {
  readonly api: string;
  readonly scratchDir: string;
} {
  const values = parseEnv(schema, env);
  return { api: `http://${values.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`, scratchDir: values.MIXDOWN_SCRATCH };
}

const callSchema = z.object({
  MIXDOWN_JOB_ID: z.string(),
  MIXDOWN_ATTEMPT: z.string(),
  _X_AMZN_TRACE_ID: z.string().optional(),
});

/** The environment of the worker that a call asks for; what it says of the job is checked by the worker itself. */
export const buildCallEnv = (call: unknown, env: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv => ({
  ...env,
  ...callSchema.parse(call),
});
