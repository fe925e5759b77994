import { MixdownApiError } from "./api-error.ts";
import { retrying } from "./backoff.ts";
import { readPieces } from "./blob-source.ts";
import { type ResumePoint, uploadParts } from "./multipart.ts";
import { putBytes } from "./put-bytes.ts";
import type { Transport } from "./transport.ts";

export interface UploadProgress {
  readonly sentBytes: number;
  /** `null` for a stream whose size was not given. */
  readonly totalBytes: number | null;
  /** 0 to 100; `null` for a stream whose size was not given. */
  readonly percent: number | null;
}

export interface UploadOptions {
  /** @default the file's own name, or `file` */
  readonly filename?: string | undefined;
  /** @default the file's own type, or `application/octet-stream` */
  readonly contentType?: string | undefined;
  /** Size of a stream, for progress; the upload fails when it turns out otherwise. */
  readonly sizeBytes?: number | undefined;
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
  /** Stops the upload. Parts that have arrived stay for `resume`, until `abortUpload` or the server removes them. */
  readonly signal?: AbortSignal | undefined;
  /** Goes on with an upload that was cut off: the same bytes from the beginning; what has arrived is not sent again. */
  readonly resume?: ResumePoint | undefined;
  /** Called when an upload in parts has begun: keep the point to resume after a crash or a reload. */
  readonly onResumable?: ((point: ResumePoint) => void) | undefined;
  /** Above this, parts. @default 100 MB, the most that one PUT takes */
  readonly singlePutBytes?: number | undefined;
  /** 5 MB at the least. @default 16 MB, more where 10,000 parts would not reach */
  readonly partBytes?: number | undefined;
  /** Parts on their way at once. @default 4 */
  readonly concurrency?: number | undefined;
}

export interface UploadedFile {
  /** Name it as an input of a job. */
  readonly key: string;
  readonly sizeBytes: number;
}

interface Ticket {
  readonly key: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

const singlePutBytes = 100 * 1024 ** 2;
const smallestPartBytes = 5 * 1024 ** 2;
const usualPartBytes = 16 * 1024 ** 2;
const mostParts = 10_000;

/** @throws MixdownApiError, or the signal's reason */
export async function uploadFile(
  transport: Transport,
  file: Blob | ReadableStream<Uint8Array>,
  options: UploadOptions = {},
): Promise<UploadedFile> {
  const totalBytes = file instanceof Blob ? file.size : (options.sizeBytes ?? null);
  const contentType = options.contentType || (file instanceof Blob && file.type) || "application/octet-stream";
  const filename = options.filename ?? (file as { name?: string }).name ?? "file";
  const onSent = (sentBytes: number) =>
    options.onProgress?.({
      sentBytes,
      totalBytes,
      percent: totalBytes === null ? null : toPercent(sentBytes, totalBytes),
    });
  const least = Math.ceil((totalBytes ?? 0) / mostParts);
  const partBytes =
    options.resume?.partBytes ?? Math.max(smallestPartBytes, options.partBytes ?? usualPartBytes, least);
  const plan = { contentType, filename, partBytes, concurrency: options.concurrency ?? 4, onSent };

  const single = await readWhole(file, options, partBytes);
  if (single.whole === null) return uploadParts(transport, single.pieces, { ...options, ...plan, totalBytes });
  if (single.whole.size === 0) throw emptyFile();
  return putWhole(transport, single.whole, { ...plan, signal: options.signal });
}

/** A file that one PUT takes as one Blob; of any other its pieces. */
async function readWhole(
  file: Blob | ReadableStream<Uint8Array>,
  options: UploadOptions,
  partBytes: number,
): Promise<{ whole: Blob } | { whole: null; pieces: AsyncIterable<Blob> }> {
  const limit = Math.min(options.singlePutBytes ?? singlePutBytes, singlePutBytes);
  const pieces = readPieces(file, partBytes);
  if (options.resume !== undefined) return { whole: null, pieces };
  if (file instanceof Blob) return file.size <= limit ? { whole: file } : { whole: null, pieces };
  // A stream tells its size by ending: what fits into one part is one PUT, and memory stays bounded either way.
  const first = await pieces.next();
  if (first.done) return { whole: new Blob([]) };
  const second = await pieces.next();
  if (second.done) return { whole: first.value };
  return {
    whole: null,
    pieces: (async function* () {
      yield first.value;
      yield second.value;
      yield* pieces;
    })(),
  };
}

async function putWhole(
  transport: Transport,
  body: Blob,
  plan: {
    readonly filename: string;
    readonly contentType: string;
    readonly signal: AbortSignal | undefined;
    readonly onSent: (bytes: number) => void;
  },
): Promise<UploadedFile> {
  const { filename, contentType, signal, onSent } = plan;
  const json = { filename, contentType, sizeBytes: body.size };
  onSent(0);
  // Asking for a URL leaves nothing behind, so that asking twice is harmless.
  const ticket = await transport.json<Ticket>("POST", "/v1/uploads", { json, signal, repeatable: true });
  const { key, url, headers } = ticket;
  await retrying(() => putBytes(transport, { url, headers, body, signal, onSent }), {
    retries: transport.retries,
    signal,
  });
  return { key, sizeBytes: body.size };
}

const toPercent = (sent: number, total: number): number => (total === 0 ? 100 : Math.min(100, (sent / total) * 100));

const emptyFile = (): MixdownApiError =>
  new MixdownApiError({
    code: "input_empty",
    title: "Input is empty",
    detail: "The file has no bytes.",
    status: 0,
    retryable: false,
    hint: "Give a file that has content.",
  });
