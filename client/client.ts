import { readProblem, unreachable } from "./api-error.ts";
import { type Composed, compose, type MixRequest, type StitchRequest } from "./compose.ts";
import { abortParts, type ResumePoint } from "./multipart.ts";
import { createTransport, type TransportOptions } from "./transport.ts";
import type { Estimate, JobRequest, JobStatus, KindName, PublicJob } from "./types.ts";
import { type UploadedFile, type UploadOptions, uploadFile } from "./upload.ts";
import { type WaitOptions, waitForEnd } from "./wait.ts";
import { type WatchOptions, watchJob } from "./watch.ts";

export type ClientOptions = TransportOptions;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface SubmitOptions extends CallOptions {
  /** The same key again returns the first job. @default a new one for each call, so that retries make no second job */
  readonly idempotencyKey?: string | undefined;
}

export interface ListOptions extends CallOptions {
  readonly status?: JobStatus | undefined;
  readonly kind?: KindName | undefined;
  /** Jobs fetched at once, 1 to 200. @default 50 */
  readonly pageSize?: number | undefined;
}

export interface PageOptions extends CallOptions {
  readonly status?: JobStatus | undefined;
  readonly kind?: KindName | undefined;
  /** 1 to 200. @default 50 */
  readonly limit?: number | undefined;
  /** `next` of the page before. */
  readonly cursor?: string | undefined;
}

export interface JobPage {
  readonly jobs: PublicJob[];
  /** Where the next page begins; `null` on the last. */
  readonly next: string | null;
}

/** Every method throws `MixdownApiError`, or the signal's reason when it is aborted. */
export interface MixdownClient {
  /** Sends a file: one PUT up to 100 MB, else parts in parallel, each with retries. */
  upload(file: Blob | ReadableStream<Uint8Array>, options?: UploadOptions): Promise<UploadedFile>;
  /** Removes the parts of an upload that will not be resumed. */
  abortUpload(point: Pick<ResumePoint, "key" | "uploadId">): Promise<void>;
  submit(request: JobRequest, options?: SubmitOptions): Promise<PublicJob>;
  /** What the job would take; nothing is done. */
  estimate(request: JobRequest, options?: CallOptions): Promise<Estimate>;
  get(jobId: string, options?: CallOptions): Promise<PublicJob>;
  /** The caller's jobs, newest first; further pages are fetched as they are needed. */
  list(options?: ListOptions): AsyncGenerator<PublicJob, void, undefined>;
  /** One page of them. */
  listPage(options?: PageOptions): Promise<JobPage>;
  /** The job once it has ended, whichever way: look at `status`. */
  wait(jobId: string, options?: WaitOptions): Promise<PublicJob>;
  /** The job's states as they come, the terminal one exactly once and last. */
  watch(jobId: string, options?: WatchOptions): AsyncGenerator<PublicJob, void, undefined>;
  cancel(jobId: string, options?: CallOptions): Promise<PublicJob>;
  /** Runs a failed, canceled or expired job again. */
  retry(jobId: string, options?: CallOptions): Promise<PublicJob>;
  /** A URL that anybody may fetch until it expires: for `<audio src>` and links. */
  downloadUrl(jobId: string, name: string, options?: CallOptions): Promise<{ url: string; expiresAt: string }>;
  /** The output's bytes as a response whose body can be streamed. */
  download(jobId: string, name: string, options?: CallOptions): Promise<Response>;
  /** Joins files; the result's URL when it is done within 25 s, else the job. */
  stitch(request: StitchRequest, options?: CallOptions): Promise<Composed>;
  /** Lays music under narration; the result's URL when it is done within 25 s, else the job. */
  mix(request: MixRequest, options?: CallOptions): Promise<Composed>;
}

/** The client of one deployment, or of the platform on this machine. It keeps nothing open between calls. */
export function createClient(options: ClientOptions): MixdownClient {
  const transport = createTransport(options);
  const jobPath = (jobId: string, rest = "") => `/v1/jobs/${encodeURIComponent(jobId)}${rest}`;
  const downloadUrl: MixdownClient["downloadUrl"] = (jobId, name, call = {}) =>
    transport.json("GET", jobPath(jobId, `/outputs/${encodeURIComponent(name)}`), { signal: call.signal });
  const listPage: MixdownClient["listPage"] = ({ signal, ...query } = {}) =>
    transport.json("GET", "/v1/jobs", { query, signal });

  return {
    upload: (file, uploadOptions) => uploadFile(transport, file, uploadOptions),
    abortUpload: (point) => abortParts(transport, point),
    submit: (json, { idempotencyKey = crypto.randomUUID(), signal } = {}) =>
      transport.json("POST", "/v1/jobs", {
        json,
        headers: { "idempotency-key": idempotencyKey },
        signal,
        repeatable: true,
      }),
    estimate: (json, { signal } = {}) =>
      transport.json("POST", "/v1/jobs", { json, query: { dryRun: "true" }, signal, repeatable: true }),
    get: (jobId, { signal } = {}) => transport.json("GET", jobPath(jobId), { signal }),
    async *list({ status, kind, pageSize, signal } = {}) {
      let cursor: string | undefined;
      do {
        const page = await listPage({ status, kind, limit: pageSize, cursor, signal });
        yield* page.jobs;
        cursor = page.next ?? undefined;
      } while (cursor !== undefined);
    },
    listPage,
    wait: (jobId, waitOptions) => waitForEnd(transport, jobId, waitOptions),
    watch: (jobId, watchOptions) => watchJob(transport, jobId, watchOptions),
    cancel: (jobId, { signal } = {}) => transport.json("POST", jobPath(jobId, "/cancel"), { signal }),
    retry: (jobId, { signal } = {}) => transport.json("POST", jobPath(jobId, "/retry"), { signal }),
    downloadUrl,
    async download(jobId, name, call = {}) {
      const { url } = await downloadUrl(jobId, name, call);
      const response = await transport.fetch(url, { signal: call.signal ?? null }).catch((cause: unknown) => {
        call.signal?.throwIfAborted();
        throw unreachable(new URL(url).origin, cause);
      });
      if (!response.ok) throw await readProblem(response);
      return response;
    },
    stitch: (request, { signal } = {}) => compose(transport, "/stitch", request, signal),
    mix: (request, { signal } = {}) => compose(transport, "/mix", request, signal),
  };
}
