import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { MixdownError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { rawKey } from "../../core/object-keys.ts";
import { createId } from "../../core/platform.ts";
import { requireScope } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { type ApiEnv, commonResponses } from "../env.ts";

export const contentTypeSchema = z
  .string()
  .max(128)
  .regex(/^[a-z0-9][a-z0-9!#$&^_.+-]*\/[a-z0-9][a-z0-9!#$&^_.+-]*$/i, "must be a media type such as audio/mpeg");

const announcementSchema = z
  .strictObject({
    filename: z.string().min(1).max(255),
    contentType: contentTypeSchema,
    sizeBytes: z.number().int().min(1),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits")
      .optional(),
  })
  .meta({ id: "UploadAnnouncement" });

const uploadRoute = createRoute({
  operationId: "createUpload",
  method: "post",
  path: "/v1/uploads",
  tags: ["uploads"],
  summary: "A URL that takes exactly one announced file; above 100 MB use the multipart routes.",
  request: { body: { required: true, content: { "application/json": { schema: announcementSchema } } } },
  responses: {
    201: {
      description: "Send the bytes with this method, to this URL, with these headers; then name `key` in a job.",
      content: {
        "application/json": {
          schema: z
            .object({
              key: z.string(),
              url: z.url(),
              method: z.literal("PUT"),
              headers: z.record(z.string(), z.string()),
              expiresAt: z.iso.datetime(),
            })
            .meta({ id: "Upload" }),
        },
      },
    },
    ...commonResponses,
  },
});

export function addUploads(app: OpenAPIHono<ApiEnv>, { platform, transfers }: ApiDeps): void {
  app.openapi(uploadRoute, async (context) => {
    const { caller } = context.var;
    requireScope(caller, "uploads:write");
    const { filename, contentType, sizeBytes, sha256 } = context.req.valid("json");
    if (sizeBytes > limits.singlePutBytes) {
      throw new MixdownError("limit_input_size", {
        message: `sizeBytes is ${sizeBytes}; one PUT takes at most ${limits.singlePutBytes}; use the multipart routes under /s3/multipart.`,
      });
    }
    const key = rawKey(caller.owner, createId(platform.clock), filename);
    const ticket = await transfers.presignUpload({ key, contentType, sizeBytes, sha256 }, limits.presignUploadSeconds);
    return context.json({ key, ...ticket, headers: { ...ticket.headers } }, 201);
  });
}
