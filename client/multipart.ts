import { anySignal } from "./any-signal.ts";
import { MixdownApiError } from "./api-error.ts";
import { retrying } from "./backoff.ts";
import { putBytes } from "./put-bytes.ts";
import type { Transport } from "./transport.ts";

/** Where an upload in parts stands on the server; plain data, so that it can be kept across a reload. */
export interface ResumePoint {
  readonly key: string;
  readonly uploadId: string;
  readonly partBytes: number;
}

export interface PartsPlan {
  readonly filename: string;
  readonly contentType: string;
  readonly partBytes: number;
  readonly concurrency: number;
  readonly totalBytes: number | null;
  readonly onSent: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  readonly resume?: ResumePoint | undefined;
  readonly onResumable?: ((point: ResumePoint) => void) | undefined;
}

interface Part {
  readonly PartNumber: number;
  readonly Size: number;
  readonly ETag: string;
}

const pathOf = (uploadId: string, rest = ""): string => `/s3/multipart/${encodeURIComponent(uploadId)}${rest}`;

/** Sends pieces as parts, several at once, each with its own retries. @throws MixdownApiError, or the signal's reason */
export async function uploadParts(
  transport: Transport,
  pieces: AsyncIterable<Blob>,
  plan: PartsPlan,
): Promise<{ key: string; sizeBytes: number }> {
  const point = plan.resume ?? (await begin(transport, plan));
  if (plan.resume === undefined) plan.onResumable?.(point);
  const { key, uploadId } = point;
  const query = { key };
  const standing = new Map<number, Part>();
  if (plan.resume !== undefined) {
    const listed = await transport.json<Part[]>("GET", pathOf(uploadId), { query, signal: plan.signal });
    for (const part of listed) standing.set(part.PartNumber, part);
  }
  // One part that is given up stops the others.
  const stop = new AbortController();
  const signal = anySignal(plan.signal, stop.signal);
  const sent = new Map<number, number>();
  const tell = (partNumber: number, bytes: number) => {
    sent.set(partNumber, bytes);
    plan.onSent([...sent.values()].reduce((sum, value) => sum + value, 0));
  };
  const done: Pick<Part, "PartNumber" | "ETag">[] = [];
  let sizeBytes = 0;
  let lastNumber = 0;

  const sendPart = async (partNumber: number, body: Blob): Promise<void> => {
    const kept = standing.get(partNumber);
    const ETag = kept?.Size === body.size ? kept.ETag : await putPart(partNumber, body);
    tell(partNumber, body.size);
    done.push({ PartNumber: partNumber, ETag });
  };
  const putPart = (partNumber: number, body: Blob): Promise<string> =>
    // A new URL for each attempt: the old one may have expired while the network was away.
    retrying(
      async () => {
        const signed = await transport.send("GET", pathOf(uploadId, `/${partNumber}`), { query, signal });
        const { url } = (await signed.json()) as { url: string };
        const etag = await putBytes(transport, { url, body, signal, onSent: (bytes) => tell(partNumber, bytes) });
        if (etag === "") throw noEtag();
        return etag;
      },
      { retries: transport.retries, signal },
    );

  const underway = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | null = null;
  try {
    for await (const body of pieces) {
      signal.throwIfAborted();
      lastNumber += 1;
      const partNumber = lastNumber;
      sizeBytes += body.size;
      const task: Promise<void> = sendPart(partNumber, body)
        .catch((error: unknown) => {
          failure ??= { error };
          stop.abort(error);
        })
        .finally(() => underway.delete(task));
      underway.add(task);
      if (underway.size >= plan.concurrency) await Promise.race(underway);
    }
  } catch (error) {
    failure ??= { error };
    stop.abort(error);
  }
  await Promise.all(underway);
  stop.abort();
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
  if (plan.totalBytes !== null && plan.totalBytes !== sizeBytes) throw otherSize(plan.totalBytes, sizeBytes);
  done.sort((a, b) => a.PartNumber - b.PartNumber);
  await complete(transport, point, done, plan.signal);
  return { key, sizeBytes };
}

async function begin(transport: Transport, plan: PartsPlan): Promise<ResumePoint> {
  const { filename, contentType: type, signal, partBytes } = plan;
  const json = { filename, type, metadata: {} };
  // What a lost answer began has no parts and is swept.
  const begun = await transport.json<{ key: string; uploadId: string }>("POST", "/s3/multipart", {
    json,
    signal,
    repeatable: true,
  });
  return { ...begun, partBytes };
}

async function complete(
  transport: Transport,
  { uploadId, key }: ResumePoint,
  parts: readonly Pick<Part, "PartNumber" | "ETag">[],
  signal: AbortSignal | undefined,
): Promise<void> {
  let asked = 0;
  await retrying(
    async () => {
      asked += 1;
      try {
        await transport.send("POST", pathOf(uploadId, "/complete"), { query: { key }, json: { parts }, signal });
      } catch (error) {
        // The first answer was lost on its way: the upload has ended because it is complete.
        if (asked > 1 && error instanceof MixdownApiError && error.code === "upload_not_found") return;
        throw error;
      }
    },
    { retries: transport.retries, signal },
  );
}

/** Removes what has arrived of an upload; one that has ended already is no error. */
export async function abortParts(transport: Transport, point: Pick<ResumePoint, "key" | "uploadId">): Promise<void> {
  try {
    await transport.json("DELETE", pathOf(point.uploadId), { query: { key: point.key } });
  } catch (error) {
    if (!(error instanceof MixdownApiError && error.code === "upload_not_found")) throw error;
  }
}

const noEtag = (): MixdownApiError =>
  new MixdownApiError({
    code: "upload_mismatch",
    title: "No ETag",
    detail: "The store's answer to a part shows no ETag; its CORS rule must expose that header.",
    status: 0,
    retryable: false,
    hint: "Add ETag to the exposed headers of the bucket's CORS rule.",
  });

const otherSize = (announced: number, found: number): MixdownApiError =>
  new MixdownApiError({
    code: "upload_mismatch",
    title: "Upload differs",
    detail: `sizeBytes was ${announced}, but the stream has ${found} bytes.`,
    status: 0,
    retryable: false,
    hint: "Upload exactly the file that was announced.",
  });
