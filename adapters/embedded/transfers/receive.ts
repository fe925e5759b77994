import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { PassThrough, Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { Busboy, type BusboyHeaders } from "@fastify/busboy";
import { MixdownError } from "../../../core/errors.ts";
import { limits } from "../../../core/limits.ts";
import type { TransferGrant } from "./token.ts";

export interface ReceivedFile {
  readonly sizeBytes: number;
  /** SHA-256, base64. */
  readonly checksum: string;
}

/** Writes a body to a new file as it comes, counting and hashing. @throws MixdownError `upload_mismatch` beyond the limit */
export async function receiveFile(body: Readable, path: string, limitBytes: number): Promise<ReceivedFile> {
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
  await pipeline(body, meter, createWriteStream(path, { flags: "wx" }));
  return { sizeBytes, checksum: hash.digest("base64") };
}

/** Most bytes of one field before the file; ours are far shorter. */
const fieldBytes = 8_192;

/**
 * Reads a form whose fields come before its one file. `judge` sees the fields before a byte of the file is written.
 * @throws MixdownError `upload_mismatch`, and what `judge` throws
 */
export async function receiveForm(
  request: Request,
  path: string,
  judge: (fields: ReadonlyMap<string, string>) => TransferGrant,
): Promise<TransferGrant> {
  const contentType = request.headers.get("content-type") ?? "";
  if (!/^multipart\/form-data;/i.test(contentType) || request.body === null)
    throw mismatch("it is no form with a file");
  const headers: BusboyHeaders = { "content-type": contentType };
  const form = new Busboy({ headers, limits: { files: 1, fields: 20, fieldSize: fieldBytes, parts: 21 } });
  const fields = new Map<string, string>();
  let writing: Promise<TransferGrant> | undefined;
  form.on("field", (name, value) => fields.set(name.toLowerCase(), value));
  form.on("file", (_name, file) => {
    writing = (async () => {
      const grant = judge(fields);
      // Apart from the form's own stream, which must live to its end: a broken one would never finish the form.
      await receiveFile(file.pipe(new PassThrough()), path, grant.maxBytes ?? limits.singlePutBytes);
      return grant;
    })();
    // The form goes on being read, so that the sender hears the answer; the file itself is not kept.
    writing.catch(() => {
      file.unpipe();
      file.resume();
    });
  });
  try {
    await pipeline(Readable.fromWeb(request.body as ReadableStream), form);
  } catch (cause) {
    await writing;
    throw new MixdownError("upload_mismatch", {
      message: "The form cannot be read to its end; upload it again.",
      cause,
    });
  }
  if (writing === undefined) throw mismatch("the form has no file");
  return writing;
}

/** A form may say again what its grant says, and nothing else. */
export function checkForm(grant: TransferGrant, fields: ReadonlyMap<string, string>): void {
  if (grant.operation !== "form") {
    throw new MixdownError("auth_invalid", { message: "The grant is not for a form; ask for a new upload." });
  }
  for (const [name, expected] of [
    ["key", grant.key],
    ["content-type", grant.contentType],
  ] as const) {
    const given = fields.get(name);
    if (given !== undefined && given !== expected) throw mismatch(`the field ${name} is not the announced one`);
  }
}

/** What the request says of itself must be what was announced. */
export function checkHeaders(grant: TransferGrant, request: Request): void {
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

/** So must what came. */
export function checkBody(grant: TransferGrant, received: ReceivedFile): void {
  if (grant.sizeBytes !== undefined && received.sizeBytes !== grant.sizeBytes) {
    throw mismatch(`the body has ${received.sizeBytes} bytes, announced were ${grant.sizeBytes}`);
  }
  if (grant.checksum !== undefined && received.checksum !== grant.checksum) {
    throw mismatch("the body's SHA-256 is not the announced one");
  }
}

const mismatch = (what: string): MixdownError =>
  new MixdownError("upload_mismatch", {
    message: `Not the announced file: ${what}; upload exactly that file, or announce this one.`,
  });
