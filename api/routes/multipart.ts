import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { MixdownError } from "../../core/errors.ts";
import { limits } from "../../core/limits.ts";
import { rawKey } from "../../core/object-keys.ts";
import { createId } from "../../core/platform.ts";
import { requireScope } from "../authenticate.ts";
import type { ApiDeps } from "../deps.ts";
import { type ApiEnv, type Caller, commonResponses, notFoundResponse } from "../env.ts";
import { contentTypeSchema } from "./uploads.ts";

// The routes, names and shapes are those of Uppy's Companion, so that Uppy's stock S3 plugin works against them:
// github.com/transloadit/uppy, packages/@uppy/companion/src/server/controllers/s3.js.

/** S3's have some 130 of these. Shorter than a key by far: both stand in one request line. */
const uploadParam = z.object({ uploadId: z.string().regex(/^[\w.~+=-]{1,512}$/, "must be an upload's id") });
const partParam = uploadParam.extend({ partNumber: z.coerce.number().int().min(1).max(10_000) });
const keyQuery = z.object({ key: z.string().min(1).max(1_024) });
const typeSchema = z.union([contentTypeSchema, z.literal("")]).optional();
const unknownType = "application/octet-stream";

const json = <S extends z.ZodType>(description: string, schema: S) => ({
  200: { description, content: { "application/json": { schema } } },
  ...notFoundResponse,
  ...commonResponses,
});
const common = { tags: ["uploads"] };

const paramsRoute = createRoute({
  ...common,
  operationId: "createUploadForm",
  method: "get",
  path: "/s3/params",
  summary: "A form that posts one file of up to 100 MB (Uppy's contract).",
  request: { query: z.object({ filename: z.string().min(1).max(255), type: typeSchema }) },
  responses: json(
    "Post these fields and then the file.",
    z.object({
      method: z.literal("POST"),
      url: z.url(),
      fields: z.record(z.string(), z.string()),
      expires: z.number().describe("Seconds."),
    }),
  ),
});
const createRouteOf = createRoute({
  ...common,
  operationId: "createMultipart",
  method: "post",
  path: "/s3/multipart",
  summary: "Begin an upload in parts.",
  request: {
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.object({
            filename: z.string().min(1).max(255),
            type: typeSchema,
            metadata: z.record(z.string(), z.unknown()).optional(),
          }),
        },
      },
    },
  },
  responses: json("Name both in what follows.", z.object({ key: z.string(), uploadId: z.string() })),
});
const listRoute = createRoute({
  ...common,
  operationId: "listParts",
  method: "get",
  path: "/s3/multipart/{uploadId}",
  summary: "The parts that have arrived: what a resumed upload need not send again.",
  request: { params: uploadParam, query: keyQuery },
  responses: json(
    "In order.",
    z.array(z.object({ PartNumber: z.number().int(), Size: z.number().int(), ETag: z.string() })),
  ),
});
const signRoute = createRoute({
  ...common,
  operationId: "signPart",
  method: "get",
  path: "/s3/multipart/{uploadId}/{partNumber}",
  summary: "A URL for one part.",
  request: { params: partParam, query: keyQuery },
  responses: json("PUT the part's bytes there.", z.object({ url: z.url(), expires: z.number() })),
});
const completeRoute = createRoute({
  ...common,
  operationId: "completeMultipart",
  method: "post",
  path: "/s3/multipart/{uploadId}/complete",
  summary: "Make one file of the parts.",
  request: {
    params: uploadParam,
    query: keyQuery,
    body: {
      required: true,
      content: {
        "application/json": {
          schema: z.object({
            parts: z
              .array(z.object({ PartNumber: z.number().int().min(1).max(10_000), ETag: z.string().min(1).max(256) }))
              .min(1)
              .max(10_000),
          }),
        },
      },
    },
  },
  responses: json("Name `key` in a job.", z.object({ location: z.string(), key: z.string() })),
});
const abortRoute = createRoute({
  ...common,
  operationId: "abortMultipart",
  method: "delete",
  path: "/s3/multipart/{uploadId}",
  summary: "Give an upload up; its parts are removed.",
  request: { params: uploadParam, query: keyQuery },
  responses: json("Gone.", z.object({})),
});

/** An upload under another owner's key does not exist for this caller. */
function requireOwnKey(caller: Caller, key: string): void {
  requireScope(caller, "uploads:write");
  if (key.startsWith(`raw/${caller.owner}/`) && !key.split("/").includes("..")) return;
  throw new MixdownError("upload_not_found", {
    message: `There is no upload for ${JSON.stringify(key.slice(0, 100))}.`,
  });
}

export function addMultipart(app: OpenAPIHono<ApiEnv>, { platform, transfers }: ApiDeps): void {
  const newKey = (caller: Caller, filename: string): string => {
    requireScope(caller, "uploads:write");
    return rawKey(caller.owner, createId(platform.clock), filename);
  };
  app.openapi(paramsRoute, async (context) => {
    const { filename, type } = context.req.valid("query");
    const key = newKey(context.var.caller, filename);
    const form = { key, contentType: type || unknownType, maxBytes: limits.singlePutBytes };
    const { url, fields } = await transfers.presignForm(form, limits.presignUploadSeconds);
    return context.json(
      { method: "POST" as const, url, fields: { ...fields }, expires: limits.presignUploadSeconds },
      200,
    );
  });
  app.openapi(createRouteOf, async (context) => {
    const { filename, type } = context.req.valid("json");
    const key = newKey(context.var.caller, filename);
    const { uploadId } = await transfers.createMultipart({ key, contentType: type || unknownType });
    return context.json({ key, uploadId }, 200);
  });
  app.openapi(listRoute, async (context) => {
    const { key } = context.req.valid("query");
    requireOwnKey(context.var.caller, key);
    const parts = await transfers.listParts({ uploadId: context.req.valid("param").uploadId, key });
    return context.json(
      parts.map(({ partNumber, sizeBytes, etag }) => ({ PartNumber: partNumber, Size: sizeBytes, ETag: etag })),
      200,
    );
  });
  app.openapi(signRoute, async (context) => {
    const { key } = context.req.valid("query");
    requireOwnKey(context.var.caller, key);
    const { uploadId, partNumber } = context.req.valid("param");
    const { url } = await transfers.presignPart({ uploadId, key }, partNumber, limits.presignUploadSeconds);
    return context.json({ url, expires: limits.presignUploadSeconds }, 200);
  });
  app.openapi(completeRoute, async (context) => {
    const { key } = context.req.valid("query");
    requireOwnKey(context.var.caller, key);
    const parts = context.req
      .valid("json")
      .parts.map(({ PartNumber, ETag }) => ({ partNumber: PartNumber, etag: ETag }));
    await transfers.completeMultipart({ uploadId: context.req.valid("param").uploadId, key }, parts);
    const location = key.split("/").map(encodeURIComponent).join("/");
    return context.json({ location, key }, 200);
  });
  app.openapi(abortRoute, async (context) => {
    const { key } = context.req.valid("query");
    requireOwnKey(context.var.caller, key);
    const upload = { uploadId: context.req.valid("param").uploadId, key };
    await transfers.listParts(upload);
    await transfers.abortMultipart(upload);
    return context.json({}, 200);
  });
}
