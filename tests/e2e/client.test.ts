import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createClient, MixdownApiError, type MixdownClient, type ResumePoint } from "../../client/index.ts";
import { findFreePort } from "../fixtures/free-port.ts";
import { createWords } from "../fixtures/random.ts";
import { EmbeddedFixture } from "./embedded-fixture.ts";

let fixture: EmbeddedFixture;
let port: number;
/** `METHOD path` of every call, in order. */
let calls: string[];
let client: MixdownClient;

beforeEach(async () => {
  fixture = await EmbeddedFixture.open();
  port = await findFreePort();
  calls = [];
  const counting: typeof fetch = (input, init) => {
    calls.push(`${init?.method ?? "GET"} ${new URL(String(input)).pathname}`);
    return fetch(input, init);
  };
  client = createClient({ baseUrl: `http://127.0.0.1:${port}`, fetch: counting });
});
afterEach(() => fixture.close());

const megabyte = 1024 ** 2;
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
/** Bytes without a pattern that a lost or swapped part could hide in. */
function makeBytes(length: number): Uint8Array<ArrayBuffer> {
  const next = createWords(7);
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = next() >>> 24;
  return bytes;
}
const partPuts = () => calls.filter((call) => call.startsWith("PUT /files/"));
const storedHash = async (key: string) => {
  const path = join(fixture.dataDir, "stored");
  await fixture.platform.objects.getFile(key, path);
  const hash = sha256(readFileSync(path));
  rmSync(path);
  return hash;
};

/** Three seconds of noise as a WAV file. */
function makeNoise(): File {
  const samples = makeBytes(48_000 * 2 * 3);
  const header = new DataView(new ArrayBuffer(44));
  for (const [at, text] of [
    [0, "RIFF"],
    [8, "WAVEfmt "],
    [36, "data"],
  ] as const) {
    for (let index = 0; index < text.length; index += 1) header.setUint8(at + index, text.charCodeAt(index));
  }
  header.setUint32(4, 36 + samples.length, true);
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true);
  header.setUint16(22, 1, true);
  header.setUint32(24, 48_000, true);
  header.setUint32(28, 96_000, true);
  header.setUint16(32, 2, true);
  header.setUint16(34, 16, true);
  header.setUint32(40, samples.length, true);
  return new File([header, samples], "noise.wav", { type: "audio/wav" });
}

test("fails when a file does not go up, through a job and down again by the client alone", async () => {
  await fixture.start(port);
  const shares: number[] = [];
  const { key } = await client.upload(makeNoise(), { onProgress: ({ percent }) => shares.push(percent ?? -1) });
  expect(shares[0]).toBe(0);
  expect(shares.at(-1)).toBe(100);
  const request = { kind: "clean", inputs: [{ key }] } as const;
  expect(await client.estimate({ ...request, inputs: [{ key }] })).toMatchObject({ lane: "embedded" });
  const submitted = await client.submit({ ...request, inputs: [{ key }] }, { idempotencyKey: "once" });
  const again = await client.submit({ ...request, inputs: [{ key }] }, { idempotencyKey: "once" });
  expect(again.jobId).toBe(submitted.jobId);
  const seen: string[] = [];
  const job = await client.wait(submitted.jobId, { timeoutMs: 60_000, onProgress: ({ status }) => seen.push(status) });
  expect(job.status).toBe("succeeded");
  expect(seen.filter((status) => status === "succeeded")).toHaveLength(1);
  const [output] = job.outputs;
  const response = await client.download(job.jobId, output?.name ?? "");
  expect(sha256(new Uint8Array(await response.arrayBuffer()))).toBe(output?.sha256);
  const stitched = await client.stitch({ message_parts: [key, key] });
  expect(stitched).toMatchObject({ done: true, cached: false });
  expect(await client.stitch({ message_parts: [key, key] })).toMatchObject({ done: true, cached: true });
  const listed = [];
  for await (const one of client.list({ pageSize: 1 })) listed.push(one.kind);
  expect(listed).toEqual(["stitch", "stitch", "clean"]);
});

test("fails when an upload in parts does not survive a killed server, or sends again what had arrived", async () => {
  const first = await fixture.start(port);
  const bytes = makeBytes(23 * megabyte);
  let restarted: Promise<unknown> | null = null;
  const { key, sizeBytes } = await client.upload(new Blob([bytes]), {
    filename: "large.bin",
    singlePutBytes: megabyte,
    partBytes: 5 * megabyte,
    concurrency: 2,
    onProgress: ({ sentBytes }) => {
      if (sentBytes < 10 * megabyte || restarted !== null) return;
      first.kill("SIGKILL");
      restarted = sleep(500).then(() => fixture.start(port));
    },
  });
  await restarted;
  expect(restarted).not.toBeNull();
  expect(sizeBytes).toBe(bytes.length);
  expect(await storedHash(key)).toBe(sha256(bytes));
  expect(partPuts().length).toBeLessThanOrEqual(5 + 2 * 6);
});

test("fails when an aborted upload cannot be resumed, sends kept parts again, or is not removed on demand", async () => {
  await fixture.start(port);
  const bytes = makeBytes(21 * megabyte);
  const small = { singlePutBytes: megabyte, partBytes: 5 * megabyte, concurrency: 1 };
  const interrupt = async (): Promise<ResumePoint> => {
    const stop = new AbortController();
    let point: ResumePoint | undefined;
    const upload = client.upload(new Blob([bytes]), {
      ...small,
      signal: stop.signal,
      onResumable: (given) => {
        point = given;
      },
      onProgress: ({ sentBytes }) => {
        if (sentBytes >= 10 * megabyte) stop.abort(new Error("stopped by the test"));
      },
    });
    await expect(upload).rejects.toThrow("stopped by the test");
    if (point === undefined) throw new Error("the upload never said where it can be resumed");
    return point;
  };
  const resume = JSON.parse(JSON.stringify(await interrupt())) as ResumePoint;
  calls.length = 0;
  const { key } = await client.upload(new Blob([bytes]).stream(), { ...small, resume, sizeBytes: bytes.length });
  expect(partPuts().length).toBeLessThanOrEqual(3);
  expect(await storedHash(key)).toBe(sha256(bytes));

  const other = await interrupt();
  await client.abortUpload(other);
  await client.abortUpload(other);
  await expect(client.upload(new Blob([bytes]), { resume: other })).rejects.toMatchObject({ code: "upload_not_found" });
});

test("fails when streams of either size arrive otherwise than they were sent", async () => {
  await fixture.start(port);
  for (const length of [3, 12 * megabyte]) {
    const bytes = makeBytes(length);
    const stream = new Blob([bytes]).stream();
    const { key } = await client.upload(stream, { filename: "s.bin", partBytes: 5 * megabyte });
    expect(await storedHash(key)).toBe(sha256(bytes));
  }
  const lying = client.upload(new Blob([makeBytes(6 * megabyte)]).stream(), { sizeBytes: 7, partBytes: 5 * megabyte });
  await expect(lying).rejects.toMatchObject({ code: "upload_mismatch" });
  await expect(client.upload(new Blob([]))).rejects.toMatchObject({ code: "input_empty" });
});

test("fails when a watcher, by stream or by polling, does not see one end across a killed server", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 1);
  const first = await fixture.start(port);
  const ids = Array.from({ length: 20 }, (_, index) => `job-${index}`);
  for (const [index, jobId] of ids.entries()) {
    await client.submit({ jobId, kind: "stitch", inputs: [{ key: "raw/local/1/a.wav" }], params: { gapMs: index } });
  }
  const watch = async (jobId: string, poll: boolean): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { status } of client.watch(jobId, { poll })) seen.push(status);
    return seen;
  };
  const watchers = ids.flatMap((id) => [watch(id, false), watch(id, true), watch(id, false)]);
  await fixture.ended("job-2");
  first.kill("SIGKILL");
  await sleep(300);
  await fixture.start(port);
  const bad = (await Promise.all(watchers)).filter(
    (seen) => seen.at(-1) !== "succeeded" || seen.indexOf("succeeded") !== seen.length - 1,
  );
  expect(bad).toEqual([]);
});

test("fails when errors are not typed, or what cannot help is tried again", async () => {
  await fixture.start(port);
  const error = await client.get("nowhere").catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(MixdownApiError);
  expect(error).toMatchObject({ code: "usage_job_not_found", status: 404, retryable: false });
  expect(calls).toHaveLength(1);
  await expect(client.wait("nowhere")).rejects.toMatchObject({ code: "usage_job_not_found" });
  const refused = client.submit({ kind: "clean", inputs: [{ key: "raw/local/1/none.wav" }] });
  await expect(refused).rejects.toMatchObject({ code: "input_not_found" });
  await fixture.putNoise("raw/local/1/a.wav", 1);
  const invalid = { kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }], params: { loudness: 99 } } as const;
  await expect(client.submit({ ...invalid, inputs: [...invalid.inputs] })).rejects.toMatchObject({ status: 400 });
  const away = createClient({ baseUrl: `http://127.0.0.1:${await findFreePort()}`, retries: 1 });
  await expect(away.get("x")).rejects.toMatchObject({ code: "platform_unreachable", status: 0, retryable: true });
});

test("fails when a wait cannot be limited or stopped, or a canceled job not retried", async () => {
  await fixture.putNoise("raw/local/1/long.wav", 120);
  await fixture.start(port);
  const { jobId } = await client.submit({ kind: "clean", inputs: [{ key: "raw/local/1/long.wav" }] });
  await expect(client.wait(jobId, { timeoutMs: 50 })).rejects.toMatchObject({ code: "limit_timeout" });
  const stop = new AbortController();
  const waiting = client.wait(jobId, { signal: stop.signal });
  stop.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await client.cancel(jobId);
  expect((await client.wait(jobId)).status).toBe("canceled");
  expect((await client.retry(jobId)).status).toBe("queued");
  await client.cancel(jobId);
  expect((await client.wait(jobId)).status).toBe("canceled");
});
