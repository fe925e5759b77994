import { z } from "zod";
import { MixdownError } from "../core/errors.ts";
import { parseEnv } from "./parse-env.ts";

const list = z.string().transform((text) =>
  text
    .split(",")
    .map((entry) => entry.trim())
    .filter((entry) => entry !== ""),
);

const schema = z.object({
  MIXDOWN_HOST: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address to listen on; beyond loopback a key is demanded."),
  MIXDOWN_PORT: z.coerce.number().int().min(0).max(65_535).default(4747).describe("Port; 0 takes any that is free."),
  MIXDOWN_PUBLIC_URL: z.url().optional().describe("How callers reach us, where it is not the address listened on."),
  MIXDOWN_CORS_ORIGINS: list.default([]).describe("Origins that may call from a browser, separated by commas."),
  MIXDOWN_REQUESTS_PER_SECOND: z.coerce
    .number()
    .min(0)
    .max(1_000_000)
    .default(50)
    .describe("Requests an owner may make; 0 does not limit."),
  MIXDOWN_JWT_JWKS_URL: z
    .url()
    .optional()
    .describe("Published keys of the identity provider whose tokens are accepted."),
  MIXDOWN_JWT_ISSUER: z.string().optional(),
  MIXDOWN_JWT_AUDIENCE: z.string().optional(),
  MIXDOWN_JWT_OWNER_CLAIM: z.string().default("sub").describe("Claim that names the owner."),
});

/** Settings of the HTTP server on one machine. */
export interface HttpConfig {
  readonly host: string;
  readonly port: number;
  readonly publicUrl: string | undefined;
  readonly access: "loopback" | "keys";
  readonly corsOrigins: readonly string[];
  readonly rateLimit: { readonly burst: number; readonly perSecond: number } | null;
  readonly jwt: { jwksUrl: string; issuer: string; audience: string; ownerClaim: string } | undefined;
}

const loopback = new Set(["127.0.0.1", "::1", "localhost"]);

/** Reads the `MIXDOWN_*` of the HTTP server. @throws MixdownError `usage_invalid` */
export function readHttpConfig(env: NodeJS.ProcessEnv = process.env): HttpConfig {
  const values = parseEnv(schema, env);
  const perSecond = values.MIXDOWN_REQUESTS_PER_SECOND;
  return {
    host: values.MIXDOWN_HOST,
    port: values.MIXDOWN_PORT,
    publicUrl: values.MIXDOWN_PUBLIC_URL?.replace(/\/$/, ""),
    access: loopback.has(values.MIXDOWN_HOST) ? "loopback" : "keys",
    corsOrigins: values.MIXDOWN_CORS_ORIGINS,
    // A page that opens with twenty requests at once is no attack.
    rateLimit: perSecond === 0 ? null : { burst: Math.max(20, perSecond * 4), perSecond },
    jwt: readJwt(values),
  };
}

function readJwt(values: z.output<typeof schema>): HttpConfig["jwt"] {
  const { MIXDOWN_JWT_JWKS_URL: jwksUrl, MIXDOWN_JWT_ISSUER: issuer, MIXDOWN_JWT_AUDIENCE: audience } = values;
  if (jwksUrl === undefined) return undefined;
  if (issuer === undefined || audience === undefined) {
    throw new MixdownError("usage_invalid", {
      message:
        "MIXDOWN_JWT_JWKS_URL is set without MIXDOWN_JWT_ISSUER and MIXDOWN_JWT_AUDIENCE; a token of anybody's would be accepted; set both.",
    });
  }
  return { jwksUrl, issuer, audience, ownerClaim: values.MIXDOWN_JWT_OWNER_CLAIM };
}

/** The environment with what flags say instead. */
export const buildHttpEnv = (
  flags: { readonly port?: number; readonly host?: string },
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv => ({
  ...env,
  ...(flags.port === undefined ? {} : { MIXDOWN_PORT: String(flags.port) }),
  ...(flags.host === undefined ? {} : { MIXDOWN_HOST: flags.host }),
});
