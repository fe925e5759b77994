import { createClient, type PublicJob, type ResumePoint } from "../../client/index.ts";

// Runs in the browser: the client as a page without a framework uses it.

const megabyte = 1024 ** 2;

export interface Resumed {
  readonly key: string;
  readonly sha256: string;
  /** Shares that the first and the second attempt told, 0 to 100. */
  readonly first: readonly number[];
  readonly second: readonly number[];
}

/** Uploads in parts, stops at the half, and goes on from what it was told to keep. */
async function uploadTwice(baseUrl: string, megabytes: number): Promise<Resumed> {
  const client = createClient({ baseUrl });
  const bytes = new Uint8Array(megabytes * megabyte);
  for (let start = 0; start < bytes.length; start += 65_536)
    crypto.getRandomValues(bytes.subarray(start, start + 65_536));
  const file = new File([bytes], "ü.bin");
  const parts = { singlePutBytes: megabyte, partBytes: 5 * megabyte, concurrency: 2 };
  const stop = new AbortController();
  const [first, second]: [number[], number[]] = [[], []];
  let kept = "";
  await client
    .upload(file, {
      ...parts,
      signal: stop.signal,
      onResumable: (point) => {
        kept = JSON.stringify(point);
      },
      onProgress: ({ percent }) => {
        first.push(percent ?? -1);
        if ((percent ?? 0) >= 50) stop.abort(new Error("stopped"));
      },
    })
    .then(
      () => Promise.reject(new Error("it was not stopped")),
      (error: unknown) => {
        if (!(error instanceof Error && error.message === "stopped")) throw error;
      },
    );
  const resume = JSON.parse(kept) as ResumePoint;
  const onProgress = ({ percent }: { percent: number | null }) => second.push(percent ?? -1);
  const { key } = await client.upload(file, { ...parts, resume, onProgress });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const sha256 = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { key, sha256, first, second };
}

/** Every state that a watch tells. */
async function watch(baseUrl: string, jobId: string): Promise<PublicJob["status"][]> {
  const seen: PublicJob["status"][] = [];
  for await (const { status } of createClient({ baseUrl }).watch(jobId)) seen.push(status);
  return seen;
}

const page = { uploadTwice, watch };
export type ClientPage = typeof page;
Object.assign(globalThis, page);
