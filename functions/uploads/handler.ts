import type { S3Event } from "aws-lambda";
import { z } from "zod";
import { acceptUpload, type UploadNotice, type UploadRecipe } from "../../core/accept-upload.ts";
import { MixdownError } from "../../core/errors.ts";
import type { WorkPlatform } from "../../core/run.ts";
import type { Telemetry } from "../telemetry.ts";

const recordSchema = z.object({
  eventName: z.string(),
  s3: z.object({
    object: z.object({
      key: z.string(),
      size: z.number().default(0),
      eTag: z.string().default(""),
      versionId: z.string().optional(),
    }),
  }),
});

/** Told of files in the bucket: each one becomes a job. What can never become one is logged and left. */
export const createHandler =
  (platform: WorkPlatform, recipe: UploadRecipe, telemetry: Telemetry) =>
  async (event: S3Event): Promise<void> => {
    // S3 asks a new configuration whether it works by an event without records.
    for (const record of event.Records ?? []) {
      const notice = readNotice(record);
      if (notice === null) continue;
      try {
        const ref = await acceptUpload(platform, notice, recipe);
        telemetry.info("upload seen", { jobId: ref?.jobId ?? null });
        if (ref !== null) telemetry.count("UploadsAccepted");
      } catch (thrown) {
        telemetry.fault("upload not accepted", thrown);
        if (MixdownError.from(thrown).retryable) throw thrown;
      }
    }
  };

function readNotice(record: unknown): UploadNotice | null {
  const { eventName, s3 } = recordSchema.parse(record);
  // Put, Post, Copy and CompleteMultipartUpload.
  if (!eventName.startsWith("ObjectCreated:")) return null;
  const { key, size, eTag, versionId } = s3.object;
  // As a form encodes it: a space is a plus sign.
  const plainKey = decodeURIComponent(key.replaceAll("+", " "));
  return { key: plainKey, sizeBytes: size, etag: eTag, versionId: versionId ?? null };
}
