"use client";

import { createClient, MixdownApiError } from "@mixdown/client";
import { useJob, useUpload } from "@mixdown/client/react";
import { type ChangeEvent, useEffect, useState } from "react";

// No key: the route handler of this app adds it.
const client = createClient({ baseUrl: "/api/mixdown" });

/** Upload, clean, listen. */
export function Cleaner() {
  const upload = useUpload(client);
  const [jobId, setJobId] = useState<string | null>(null);
  const { job, error } = useJob(client, jobId);
  const [refused, setRefused] = useState<unknown>(null);
  const output = job?.status === "succeeded" ? job.outputs[0] : undefined;
  const url = useDownloadUrl(jobId, output?.name);

  async function start(event: ChangeEvent<HTMLInputElement>) {
    const [file] = event.target.files ?? [];
    if (file === undefined) return;
    setJobId(null);
    setRefused(null);
    const uploaded = await upload.upload(file);
    if (uploaded === null) return;
    try {
      const submitted = await client.submit({ kind: "clean", inputs: [{ key: uploaded.key }] });
      setJobId(submitted.jobId);
    } catch (thrown) {
      setRefused(thrown);
    }
  }

  const failure = upload.error ?? refused ?? error;
  return (
    <section>
      <label>
        Recording <input type="file" accept="audio/*,video/*" onChange={start} />
      </label>
      {upload.status === "uploading" && (
        <p>
          Uploading <progress max={100} value={upload.progress?.percent ?? 0} />{" "}
          <button type="button" onClick={upload.abort}>
            Stop
          </button>
        </p>
      )}
      {job !== null && (
        <p role="status">
          {job.status} ({job.phase}) <progress max={100} value={job.progress.percent} />
        </p>
      )}
      {job?.waitsFor != null && <p>{job.waitsFor.next}</p>}
      {job?.error != null && (
        <p role="alert">
          {job.error.detail} {job.error.hint}
        </p>
      )}
      {failure != null && <p role="alert">{describe(failure)}</p>}
      {url !== null && (
        <p>
          {/* biome-ignore lint/a11y/useMediaCaption: the user's own recording has no captions yet */}
          <audio controls src={url} /> <a href={url}>Download {output?.name}</a>
        </p>
      )}
    </section>
  );
}

function useDownloadUrl(jobId: string | null, name: string | undefined): string | null {
  const [found, setFound] = useState<{ jobId: string; url: string } | null>(null);
  useEffect(() => {
    if (jobId === null || name === undefined) return;
    const own = new AbortController();
    client.downloadUrl(jobId, name, { signal: own.signal }).then(
      ({ url }) => setFound({ jobId, url }),
      () => {},
    );
    return () => own.abort();
  }, [jobId, name]);
  return found !== null && found.jobId === jobId ? found.url : null;
}

function describe(error: unknown): string {
  if (error instanceof MixdownApiError) return `${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : String(error);
}
