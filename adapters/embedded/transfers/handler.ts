import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { MixdownError } from "../../../core/errors.ts";
import type { Clock, ObjectStore } from "../../../core/ports.ts";
import type { createMultipartFiles } from "./multipart-files.ts";
import { checkBody, checkForm, checkHeaders, receiveFile, receiveForm } from "./receive.ts";
import { openGrant, type TransferGrant } from "./token.ts";

export interface TransferHandlerOptions {
  readonly secret: Buffer;
  readonly objects: ObjectStore;
  readonly multipart: ReturnType<typeof createMultipartFiles>;
  readonly scratchDir: string;
  readonly clock: Clock;
}

/** Any page may use a URL that was given to it: the URL is the permission, as with a bucket's own CORS rule. */
const cors = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, HEAD, PUT, POST",
  "access-control-allow-headers": "content-type, x-amz-checksum-sha256, range",
  "access-control-expose-headers": "etag, location, content-length, content-range",
  "access-control-max-age": "3600",
};

/** Largest part, as with S3. */
const partBytes = 5 * 1024 ** 3;

/**
 * What stands behind the embedded platform's presigned URLs: takes and gives one file each.
 * @throws MixdownError `auth_invalid`, `upload_mismatch`, `upload_not_found`, `input_not_found`
 */
export function createTransferHandler(options: TransferHandlerOptions): (request: Request) => Promise<Response> {
  const { secret, objects, multipart, scratchDir, clock } = options;

  return async (request) => {
    if (request.method === "OPTIONS") return new Response(null, { status: 204, headers: cors });
    const [, , token = ""] = new URL(request.url).pathname.split("/");
    if (token === "form") return takeForm(request);
    const grant = openGrant(secret, token, clock.now());
    const wanted = grant.operation === "get" ? ["GET", "HEAD"] : ["PUT"];
    if (!wanted.includes(request.method)) {
      throw new MixdownError("auth_invalid", {
        message: `This URL is for ${wanted.join(" and ")}, not ${request.method}.`,
      });
    }
    return grant.operation === "get" ? give(grant, request) : take(grant, request);
  };

  async function take(grant: TransferGrant, request: Request): Promise<Response> {
    checkHeaders(grant, request);
    await mkdir(scratchDir, { recursive: true });
    const path = join(scratchDir, randomUUID());
    try {
      const body = request.body === null ? Readable.from([]) : Readable.fromWeb(request.body as ReadableStream);
      const received = await receiveFile(body, path, grant.sizeBytes ?? partBytes);
      checkBody(grant, received);
      const { key, uploadId, partNumber, contentType } = grant;
      const etag =
        uploadId !== undefined && partNumber !== undefined
          ? await multipart.addPart({ key, uploadId }, partNumber, path)
          : `"${(await objects.putFile(key, path, contentType ?? "application/octet-stream")).etag}"`;
      return new Response(null, { status: 200, headers: { ...cors, etag } });
    } finally {
      await rm(path, { force: true });
    }
  }

  async function takeForm(request: Request): Promise<Response> {
    if (request.method !== "POST") {
      throw new MixdownError("auth_invalid", { message: `This URL is for POST, not ${request.method}.` });
    }
    await mkdir(scratchDir, { recursive: true });
    const path = join(scratchDir, randomUUID());
    try {
      const { key, contentType } = await receiveForm(request, path, (fields) => {
        const grant = openGrant(secret, fields.get("x-mixdown-grant") ?? "", clock.now());
        checkForm(grant, fields);
        return grant;
      });
      const object = await objects.putFile(key, path, contentType ?? "application/octet-stream");
      const location = new URL(`/files/${key.split("/").map(encodeURIComponent).join("/")}`, request.url).href;
      return new Response(null, { status: 204, headers: { ...cors, etag: `"${object.etag}"`, location } });
    } finally {
      await rm(path, { force: true });
    }
  }

  async function give(grant: TransferGrant, request: Request): Promise<Response> {
    await mkdir(scratchDir, { recursive: true });
    // A link of our own: what is being read cannot be swept or replaced under us.
    const path = join(scratchDir, randomUUID());
    const object = await objects.getFile(grant.key, path);
    const range = parseRange(request.headers.get("range"), object.sizeBytes);
    const headers = {
      ...cors,
      "accept-ranges": "bytes",
      "content-type": grant.contentType ?? object.contentType,
      "content-disposition": attachment(grant.filename ?? "file"),
      // Whatever the file is, it must not become a page of ours.
      "x-content-type-options": "nosniff",
      "content-security-policy": "sandbox; default-src 'none'",
      "cache-control": "private, no-store",
      etag: `"${object.etag}"`,
    };
    if (range === "unsatisfiable") {
      await rm(path, { force: true });
      return new Response(null, {
        status: 416,
        headers: { ...headers, "content-range": `bytes */${object.sizeBytes}` },
      });
    }
    const { start, end } = range ?? { start: 0, end: object.sizeBytes - 1 };
    const length = { "content-length": String(end - start + 1) };
    const part = range === null ? {} : { "content-range": `bytes ${start}-${end}/${object.sizeBytes}` };
    const init = { status: range === null ? 200 : 206, headers: { ...headers, ...length, ...part } };
    if (request.method === "HEAD" || object.sizeBytes === 0) {
      await rm(path, { force: true });
      return new Response(null, init);
    }
    const file = createReadStream(path, { start, end });
    file.once("open", () => void rm(path, { force: true }));
    return new Response(Readable.toWeb(file) as ConstructorParameters<typeof Response>[0], init);
  }
}

/** RFC 9110, single ranges only; several, or what cannot be read, give the whole. */
function parseRange(header: string | null, size: number): { start: number; end: number } | "unsatisfiable" | null {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return null;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return start > end ? "unsatisfiable" : { start, end };
}

/** RFC 6266: an ASCII name for old readers, the true one beside it. */
function attachment(filename: string): string {
  const ascii = filename.replace(/[^\x20-\x7e]|["\\]/g, "_");
  const encoded = encodeURIComponent(filename).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
