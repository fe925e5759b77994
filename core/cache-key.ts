import { canonicalJson, sha256Hex } from "./canonical-json.ts";
import { type KindName, kinds } from "./kinds/index.ts";
import type { ObjectInfo } from "./ports.ts";

export interface CacheKeyParts {
  /** `null` where the deployment shares results between owners. */
  readonly owner: string | null;
  readonly kind: KindName;
  /** Complete, defaults filled in. */
  readonly params: Record<string, unknown>;
  readonly ffmpegMajor: number;
  /** One per input, in the job's order: [a, b] and [b, a] are different works. */
  readonly inputs: readonly { readonly content: string; readonly role?: string | undefined }[];
}

/**
 * Identity of one object's content. Only a hash that the store verified counts: a caller's claim would hand a
 * stranger's result to whoever names the stranger's hash.
 */
export function contentIdentity(object: ObjectInfo): string {
  return object.sha256 === null ? `etag:${object.etag}:${object.sizeBytes}:${object.key}` : `sha256:${object.sha256}`;
}

/** Equal keys: the same bytes in the same order through the same recipe. */
export function buildCacheKey(parts: CacheKeyParts): string {
  return sha256Hex(
    canonicalJson({
      owner: parts.owner,
      kind: parts.kind,
      recipeVersion: kinds[parts.kind].recipeVersion,
      params: parts.params,
      ffmpegMajor: parts.ffmpegMajor,
      inputs: parts.inputs.map((input) => [input.content, input.role ?? null]),
    }),
  );
}
