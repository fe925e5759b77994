import { createHash, randomBytes } from "node:crypto";
import { type ApiKeyRecord, type ApiKeyStore, type ApiScope, apiScopes } from "./api-ports.ts";
import { MixdownError } from "./errors.ts";
import { ownerSchema } from "./job.ts";
import { createId, isoTime } from "./platform.ts";
import type { Clock } from "./ports.ts";

export interface NewApiKey {
  readonly owner: string;
  readonly name: string;
  /** @default all */
  readonly scopes?: readonly ApiScope[] | undefined;
  /** Days until it is refused. @default never */
  readonly days?: number | undefined;
}

/** Makes a key. The secret is in what is returned, once, and nowhere else. @throws MixdownError `usage_invalid` */
export async function createApiKey(
  deps: { readonly keys: ApiKeyStore; readonly clock: Clock },
  request: NewApiKey,
): Promise<{ readonly key: string; readonly record: ApiKeyRecord }> {
  const owner = ownerSchema.safeParse(request.owner);
  if (!owner.success) {
    throw new MixdownError("usage_invalid", {
      message: `owner is ${JSON.stringify(request.owner.slice(0, 80))}; it must be 1 to 64 letters, digits, '_' or '-'.`,
    });
  }
  const now = deps.clock.now();
  const secret = randomBytes(32).toString("base64url");
  const record: ApiKeyRecord = {
    keyId: createId(deps.clock),
    owner: owner.data,
    name: request.name.slice(0, 200),
    secretHash: createHash("sha256").update(secret).digest("hex"),
    scopes: request.scopes ?? apiScopes,
    createdAt: isoTime(now),
    expiresAt: request.days === undefined ? null : isoTime(now + request.days * 86_400_000),
    lastUsedAt: null,
  };
  await deps.keys.put(record);
  return { key: `mxd_${record.keyId}_${secret}`, record };
}
