import { createHash, randomUUID } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import type { Clock, ObjectStore } from "../../../core/ports.ts";
import type { createMultipartFiles } from "./multipart-files.ts";
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
  "access-control-allow-methods": "GET, HEAD, PUT",
  "access-control-allow-headers": "content-type, x-amz-checksum-sha256, range",
  "access-control-expose-headers": "etag, content-length, content-range",
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
      const received = await receive(request, path, grant.sizeBytes ?? partBytes);
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

function checkHeaders(grant: TransferGrant, request: Request): void {
  const length = request.headers.get("content-length");
  if (grant.sizeBytes !== undefined && length !== null && Number(length) !== grant.sizeBytes) {
    throw mismatch(`the body has ${length} bytes, announced were ${grant.sizeBytes}`);
  }
  const type = request.headers.get("content-type");
  if (grant.contentType !== undefined && type !== grant.contentType) {
    throw mismatch(`Content-Type is ${JSON.stringify(type)}, announced was ${JSON.stringify(grant.contentType)}`);
  }
  if (grant.checksum !== undefined && request.headers.get("x-amz-checksum-sha256") !== grant.checksum) {
    throw mismatch("x-amz-checksum-sha256 is not the announced one");
  }
}

function checkBody(grant: TransferGrant, received: { sizeBytes: number; checksum: string }): void {
  if (grant.sizeBytes !== undefined && received.sizeBytes !== grant.sizeBytes) {
    throw mismatch(`the body has ${received.sizeBytes} bytes, announced were ${grant.sizeBytes}`);
  }
  if (grant.checksum !== undefined && received.checksum !== grant.checksum) {
    throw mismatch("the body's SHA-256 is not the announced one");
  }
}

async function receive(
  request: Request,
  path: string,
  limitBytes: number,
): Promise<{ sizeBytes: number; checksum: string }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const meter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      sizeBytes += chunk.length;
      hash.update(chunk);
      if (sizeBytes <= Math.min(limitBytes, limits.inputBytes)) done(null, chunk);
      else done(mismatch(`the body has more than ${limitBytes} bytes`));
    },
  });
  const body = request.body === null ? Readable.from([]) : Readable.fromWeb(request.body as ReadableStream);
  await pipeline(body, meter, createWriteStream(path, { flags: "wx" }));
  return { sizeBytes, checksum: hash.digest("base64") };
}

const mismatch = (what: string): MixdownError =>
  new MixdownError("upload_mismatch", {
    message: `Not the announced file: ${what}; upload exactly that file, or announce this one.`,
  });

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
