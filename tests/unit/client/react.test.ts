import { afterEach, describe, expect, test } from "vitest";
import type { MixdownClient, PublicJob, UploadOptions } from "../../../client/index.ts";
import { type UseJob, useJob, useUpload } from "../../../client/react.ts";
import { toPublicJob } from "../../../core/public-job.ts";
import { buildTestJob } from "../../fixtures/jobs.ts";
import { HookHost } from "./hook-host.ts";

const file = new Blob(["sound"]);
const uploaded = { key: "raw/local/1/a.wav" };
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));
const jobOf = (jobId: string, status: PublicJob["status"] = "queued"): PublicJob =>
  toPublicJob(buildTestJob({ jobId, status }));

let mounted: { unmount(): void } | null = null;
function mount<Props, Result>(hook: (props: Props) => Result, props: Props): HookHost<Props, Result> {
  const host = new HookHost(hook, props);
  mounted = host;
  return host;
}
afterEach(() => mounted?.unmount());

describe("useUpload", () => {
  interface Begun {
    readonly options: UploadOptions;
    end(error?: unknown): void;
  }
  /** A client whose uploads end when the test says so, or are aborted. */
  function createUploads() {
    const begun: Begun[] = [];
    const upload = (_file: unknown, options: UploadOptions = {}) =>
      new Promise((resolve, reject) => {
        options.signal?.addEventListener("abort", () => reject(options.signal?.reason));
        begun.push({ options, end: (error) => (error === undefined ? resolve(uploaded) : reject(error)) });
      });
    return { begun, client: { upload } as unknown as MixdownClient };
  }

  test("fails when progress or the end of an upload is not seen", async () => {
    const { begun, client } = createUploads();
    const host = mount(() => useUpload(client), null);
    expect(host.result).toMatchObject({ status: "idle", progress: null, file: null });
    const heard: unknown[] = [];
    const asked = host.result.upload(file, { onProgress: ({ percent }) => heard.push(percent) });
    await turn();
    expect(host.result.status).toBe("uploading");
    const progress = { percent: 40, sentBytes: 2, totalBytes: 5 };
    begun[0]?.options.onProgress?.(progress as never);
    await turn();
    expect(host.result.progress).toEqual(progress);
    expect(heard).toEqual([40]);
    begun[0]?.end();
    expect(await asked).toEqual(uploaded);
    await turn();
    expect(host.result).toMatchObject({ status: "done", file: uploaded, error: null });
  });

  test("fails when a failure is thrown at the component, or is taken for an abort", async () => {
    const { begun, client } = createUploads();
    const host = mount(() => useUpload(client), null);
    const asked = host.result.upload(file);
    begun[0]?.end(new Error("no"));
    expect(await asked).toBeNull();
    await turn();
    expect(host.result).toMatchObject({ status: "failed", error: new Error("no") });
  });

  test("fails when abort is taken for a failure, or does not abort", async () => {
    const { begun, client } = createUploads();
    const host = mount(() => useUpload(client), null);
    const asked = host.result.upload(file);
    host.result.abort();
    expect(await asked).toBeNull();
    await turn();
    expect(begun[0]?.options.signal?.aborted).toBe(true);
    expect(host.result).toMatchObject({ status: "aborted", error: null });
  });

  test("fails when an upload that was replaced still tells its progress or end", async () => {
    const { begun, client } = createUploads();
    const host = mount(() => useUpload(client), null);
    const first = host.result.upload(file);
    await turn();
    const second = host.result.upload(file);
    expect(await first).toBeNull();
    begun[0]?.options.onProgress?.({ percent: 99 } as never);
    await turn();
    expect(host.result).toMatchObject({ status: "uploading", progress: null });
    begun[1]?.end();
    await second;
    await turn();
    expect(host.result.status).toBe("done");
  });

  test("fails when an upload goes on after its component went, or its functions change with each render", async () => {
    const { begun, client } = createUploads();
    const host = mount(() => useUpload(client), null);
    const { upload, abort } = host.result;
    void upload(file);
    await turn();
    expect(host.results.length).toBeGreaterThan(1);
    expect([host.result.upload === upload, host.result.abort === abort]).toEqual([true, true]);
    host.unmount();
    expect(begun[0]?.options.signal?.aborted).toBe(true);
  });
});

describe("useJob", () => {
  interface Watched {
    readonly jobId: string;
    readonly signal: AbortSignal | undefined;
    /** `null` ends the watch, an Error breaks it off. */
    tell(state: PublicJob | Error | null): void;
  }
  function createWatches() {
    const watched: Watched[] = [];
    async function* watch(jobId: string, { signal }: { signal?: AbortSignal } = {}) {
      const next = () => {
        const waiting = Promise.withResolvers<PublicJob | Error | null>();
        // Nobody waits any more when the watch is over.
        waiting.promise.catch(() => {});
        return waiting;
      };
      let wake = next();
      signal?.addEventListener("abort", () => wake.reject(signal.reason));
      watched.push({ jobId, signal, tell: (state) => wake.resolve(state) });
      for (;;) {
        const state = await wake.promise;
        wake = next();
        if (state === null) return;
        if (state instanceof Error) throw state;
        yield state;
      }
    }
    return { watched, client: { watch } as unknown as MixdownClient };
  }

  test("fails when states are not seen as they come, or the end is not", async () => {
    const { watched, client } = createWatches();
    const host = mount<string | null, UseJob>((jobId) => useJob(client, jobId), "a");
    expect(host.result).toEqual({ job: null, ended: false, error: null });
    await turn();
    watched[0]?.tell(jobOf("a"));
    await turn();
    expect(host.result).toMatchObject({ job: { jobId: "a", status: "queued" }, ended: false });
    watched[0]?.tell(jobOf("a", "succeeded"));
    await turn();
    expect(host.result).toMatchObject({ job: { status: "succeeded" }, ended: true, error: null });
  });

  test("fails when no id is watched, or a render of the same id watches again", async () => {
    const { watched, client } = createWatches();
    const host = mount<string | null, UseJob>((jobId) => useJob(client, jobId), null);
    await turn();
    expect([watched.length, host.result.job]).toEqual([0, null]);
    host.rerender("a");
    host.rerender("a");
    await turn();
    expect(watched.map((one) => one.jobId)).toEqual(["a"]);
  });

  test("fails when the old job shows under the new id, or its watch goes on", async () => {
    const { watched, client } = createWatches();
    const host = mount<string | null, UseJob>((jobId) => useJob(client, jobId), "a");
    await turn();
    watched[0]?.tell(jobOf("a", "succeeded"));
    await turn();
    host.rerender("b");
    expect(host.result).toEqual({ job: null, ended: false, error: null });
    expect(watched[0]?.signal?.aborted).toBe(true);
    await turn();
    watched[1]?.tell(jobOf("b"));
    await turn();
    expect(host.result.job?.jobId).toBe("b");
  });

  test("fails when a watch that breaks off says nothing, or takes the last state with it", async () => {
    const { watched, client } = createWatches();
    const host = mount<string | null, UseJob>((jobId) => useJob(client, jobId), "a");
    await turn();
    watched[0]?.tell(jobOf("a"));
    await turn();
    watched[0]?.tell(new Error("gone"));
    await turn();
    expect(host.result).toMatchObject({ job: { jobId: "a" }, error: new Error("gone") });
  });

  test("fails when a watch outlives its component", async () => {
    const { watched, client } = createWatches();
    const host = mount<string | null, UseJob>((jobId) => useJob(client, jobId), "a");
    await turn();
    host.unmount();
    await turn();
    expect(watched[0]?.signal?.aborted).toBe(true);
  });
});
