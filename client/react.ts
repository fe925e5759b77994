import { useCallback, useEffect, useRef, useState } from "react";
import type { MixdownClient } from "./client.ts";
import type { PublicJob } from "./types.ts";
import type { UploadedFile, UploadOptions, UploadProgress } from "./upload.ts";
import { isTerminal } from "./watch.ts";

export interface UploadState {
  readonly status: "idle" | "uploading" | "done" | "failed" | "aborted";
  readonly progress: UploadProgress | null;
  readonly file: UploadedFile | null;
  readonly error: unknown;
}

export interface UseUpload extends UploadState {
  /** Starts an upload; one that is under way is aborted. Resolves to `null` when it fails or is aborted. */
  upload(file: Blob, options?: Omit<UploadOptions, "signal">): Promise<UploadedFile | null>;
  abort(): void;
}

const idle: UploadState = { status: "idle", progress: null, file: null, error: null };

/** One upload at a time, with its progress as state. The upload is aborted when the component goes. */
export function useUpload(client: MixdownClient): UseUpload {
  const [state, setState] = useState(idle);
  const current = useRef<AbortController | null>(null);
  useEffect(() => () => current.current?.abort(), []);

  const upload = useCallback<UseUpload["upload"]>(
    async (file, options = {}) => {
      current.current?.abort();
      const own = new AbortController();
      current.current = own;
      // What an upload that was replaced still tells is of no interest.
      const set = (change: Partial<UploadState>) => {
        if (current.current === own) setState((before) => ({ ...before, ...change }));
      };
      setState({ ...idle, status: "uploading" });
      try {
        const onProgress = (progress: UploadProgress) => {
          set({ progress });
          options.onProgress?.(progress);
        };
        const uploaded = await client.upload(file, { ...options, onProgress, signal: own.signal });
        set({ status: "done", file: uploaded });
        return uploaded;
      } catch (error) {
        set(own.signal.aborted ? { status: "aborted" } : { status: "failed", error });
        return null;
      }
    },
    [client],
  );
  const abort = useCallback(() => current.current?.abort(), []);
  return { ...state, upload, abort };
}

export interface UseJob {
  /** The latest state; `null` until the first one has come. */
  readonly job: PublicJob | null;
  readonly ended: boolean;
  /** Why the watch broke off; a failed job is no error here but `job.error`. */
  readonly error: unknown;
}

/** Watches a job until it ends; `null` watches nothing. The watch ends with the component. */
export function useJob(client: MixdownClient, jobId: string | null): UseJob {
  const [seen, setSeen] = useState<{ readonly jobId: string | null; readonly job: PublicJob | null; error: unknown }>({
    jobId,
    job: null,
    error: null,
  });
  useEffect(() => {
    if (jobId === null) return;
    const own = new AbortController();
    void (async () => {
      try {
        for await (const job of client.watch(jobId, { signal: own.signal })) setSeen({ jobId, job, error: null });
      } catch (error) {
        if (!own.signal.aborted) setSeen((before) => ({ ...before, jobId, error }));
      }
    })();
    return () => own.abort();
  }, [client, jobId]);
  // Between the change of the id and the first state of the new job, the old one must not show.
  const { job, error } = seen.jobId === jobId ? seen : { job: null, error: null };
  return { job, ended: job !== null && isTerminal(job.status), error };
}
