import { createHash, timingSafeEqual } from "node:crypto";
import { createMiddleware } from "hono/factory";
import type { ApiScope } from "../core/api-ports.ts";
import { apiScopes } from "../core/api-ports.ts";
import { MixdownError } from "../core/errors.ts";
import { ownerSchema } from "../core/job.ts";
import { isoTime } from "../core/platform.ts";
import type { IdentityDeps } from "./deps.ts";
import type { ApiEnv, Caller } from "./env.ts";
import { createTokenVerifier } from "./tokens.ts";

const allScopes: ReadonlySet<ApiScope> = new Set(apiScopes);
const keyPattern = /^mxd_([0-9A-HJKMNP-TV-Z]{26})_([A-Za-z0-9_-]{43})$/;

/** Asks every request who calls. */
export function authenticate(deps: IdentityDeps) {
  const identify = createIdentifier(deps);
  return createMiddleware<ApiEnv>(async (context, next) => {
    context.set("caller", await identify(context.req.header("authorization")));
    await next();
  });
}

/**
 * Finds out who calls: by key `mxd_<id>_<secret>`, by token, or, on loopback, without either.
 * @returns a function of the Authorization header, which throws MixdownError `auth_missing`, `auth_invalid`
 */
export function createIdentifier(deps: IdentityDeps): (authorization: string | undefined) => Promise<Caller> {
  const verifyToken = deps.settings.jwt === undefined ? null : createTokenVerifier(deps.settings.jwt);
  return async (authorization) => {
    const credential = readBearer(authorization);
    if (credential === null) return anonymous(deps);
    if (credential.startsWith("mxd_")) return fromKey(deps, credential);
    return fromToken(verifyToken, credential);
  };
}

function readBearer(header: string | undefined): string | null {
  if (header === undefined) return null;
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (token !== undefined) return token;
  throw new MixdownError("auth_invalid", { message: "Authorization is not of the form `Bearer <key or token>`." });
}

function anonymous({ settings, platform }: IdentityDeps): Caller {
  if (settings.access === "loopback") return { owner: platform.settings.defaultOwner, scopes: allScopes };
  throw new MixdownError("auth_missing", { message: "No credential was sent; send `Authorization: Bearer <key>`." });
}

async function fromKey({ keys, platform }: IdentityDeps, credential: string): Promise<Caller> {
  const [, keyId, secret] = keyPattern.exec(credential) ?? [];
  const record = keyId === undefined ? undefined : await keys.get(keyId);
  const given = createHash("sha256")
    .update(secret ?? "")
    .digest();
  // The comparison is made in any case, so that its time does not tell an unknown key from a wrong secret.
  const matches = timingSafeEqual(given, record === undefined ? given : Buffer.from(record.secretHash, "hex"));
  const now = platform.clock.now();
  const expired = record?.expiresAt != null && Date.parse(record.expiresAt) <= now;
  if (record === undefined || secret === undefined || !matches || expired) {
    throw new MixdownError("auth_invalid", {
      message: `The key ${expired && matches ? "has expired" : "is not known"}.`,
    });
  }
  await keys.touch(record.keyId, isoTime(now));
  return { owner: record.owner, scopes: new Set(record.scopes) };
}

async function fromToken(verify: ReturnType<typeof createTokenVerifier> | null, token: string): Promise<Caller> {
  if (verify === null) {
    throw new MixdownError("auth_invalid", { message: "Tokens are not accepted here; send a key `mxd_…`." });
  }
  const owner = ownerSchema.safeParse(await verify(token));
  if (!owner.success) throw new MixdownError("auth_invalid", { message: "The token names no owner that is accepted." });
  return { owner: owner.data, scopes: allScopes };
}

/** @throws MixdownError `auth_forbidden` */
export function requireScope(caller: Caller, scope: ApiScope): void {
  if (caller.scopes.has(scope)) return;
  throw new MixdownError("auth_forbidden", { message: `The key lacks the scope ${scope}; use one that has it.` });
}
