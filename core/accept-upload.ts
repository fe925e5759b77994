import { sha256Hex } from "./canonical-json.ts";
import { acceptForeign } from "./handle-message.ts";
import { type JobRef, type KindName, ownerSchema } from "./job.ts";
import { roomOwnerOf } from "./object-keys.ts";

/** A file that came into the bucket, as the store tells: at least once. */
export interface UploadNotice {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
  /** Where the bucket keeps versions. */
  readonly versionId: string | null;
}

/** What becomes of a dropped file. */
export interface UploadRecipe {
  readonly kind: KindName;
  readonly params: Readonly<Record<string, unknown>>;
}

/**
 * Makes the job of a file that was put into the bucket. The id is made of the very object: a notice that comes twice
 * makes one job, other content under the same key another.
 * @returns `null` where there is nothing to do: folder marks, and rooms of no owner
 */
export async function acceptUpload(
  platform: Parameters<typeof acceptForeign>[0],
  notice: UploadNotice,
  recipe: UploadRecipe,
): Promise<JobRef | null> {
  const { key, sizeBytes, etag, versionId } = notice;
  const owner = ownerSchema.safeParse(roomOwnerOf(key) ?? platform.settings.defaultOwner);
  // Consoles make "folders" by an empty object with a slash at its end.
  if (!owner.success || (sizeBytes === 0 && key.endsWith("/"))) return null;
  const jobId = `upload-${sha256Hex(JSON.stringify([key, etag, versionId])).slice(0, 32)}`;
  const { kind, params } = recipe;
  return acceptForeign(platform, { jobId, kind, inputs: [{ key }], params: { ...params } }, owner.data);
}
