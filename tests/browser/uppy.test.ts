import { createHash } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { useBrowserPage } from "./page-fixture.ts";

const megabyte = 1024 ** 2;
/** The large file; on a machine that is slow or small, less, but more than 100: below, Uppy takes the form. */
const largeMegabytes = Number(process.env.MIXDOWN_TEST_UPLOAD_MB ?? 300);
/** Uppy's own, S3's smallest. */
const partBytes = 5 * megabyte;

/** `METHOD path` of what the browser sent to the platform. */
let calls: string[];
const used = useBrowserPage(new URL("uppy-page.ts", import.meta.url), (page, endpoint) => {
  calls = [];
  page.on("request", (request) => {
    if (request.url().startsWith(endpoint)) calls.push(`${request.method()} ${new URL(request.url()).pathname}`);
  });
});

interface Outcome {
  readonly key: string;
  readonly failures: number;
  readonly partsByUppy: number;
}
const upload = (megabytes: number): Promise<Outcome> =>
  used.page.evaluate(
    ([to, size]) => (globalThis as unknown as { upload(to: string, size: number): Promise<Outcome> }).upload(to, size),
    [used.baseUrl, megabytes] as const,
  );

/** What the page makes. */
function hashOfFile(megabytes: number): string {
  const hash = createHash("sha256");
  for (let index = 0; index < megabytes; index += 1) {
    const piece = Buffer.alloc(megabyte, index % 251);
    piece.writeUInt32BE(index);
    hash.update(piece);
  }
  return hash.digest("hex");
}

async function describeStored(key: string): Promise<{ sizeBytes: number; sha256: string; contentType: string }> {
  const path = join(used.fixture.dataDir, "stored");
  const { sizeBytes, contentType } = await used.fixture.platform.objects.getFile(key, path);
  const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
  rmSync(path);
  return { sizeBytes, sha256, contentType };
}

const partPuts = () => calls.filter((call) => call.startsWith("PUT /files/")).length;

test("fails when Uppy's upload in parts does not resume from what had arrived, after the server was killed", async () => {
  const parts = Math.ceil((largeMegabytes * megabyte) / partBytes);
  const outcome = upload(largeMegabytes);
  const broken = outcome.then(
    () => true,
    () => true,
  );
  while (partPuts() < parts / 2 && !(await Promise.race([broken, sleep(20)]))) {}
  used.server.kill("SIGKILL");
  const beforeKill = partPuts();
  expect(beforeKill).toBeGreaterThanOrEqual(parts / 2);
  expect(beforeKill).toBeLessThan(parts);
  await sleep(1_000);
  expect((await used.fixture.start(Number(new URL(used.baseUrl).port))).text).toContain("is running");
  const { key, failures, partsByUppy } = await outcome;
  expect(failures).toBeGreaterThan(0);
  // One upload from beginning to end, whose parts were asked for, and none of them sent a second time but the broken one.
  expect(calls.filter((call) => call === "POST /s3/multipart")).toHaveLength(1);
  expect(calls.some((call) => /^GET \/s3\/multipart\/[^/]+$/.test(call))).toBe(true);
  expect(partsByUppy).toBeGreaterThanOrEqual(parts - 1);
  expect(partsByUppy).toBeLessThanOrEqual(parts);
  expect(await describeStored(key)).toEqual({
    sizeBytes: largeMegabytes * megabyte,
    sha256: hashOfFile(largeMegabytes),
    contentType: "audio/wav",
  });
});

test("fails when a small file does not go by Uppy's form", async () => {
  const { key, failures } = await upload(3);
  expect(failures).toBe(0);
  expect(calls).toEqual(expect.arrayContaining(["GET /s3/params", "POST /files/form"]));
  expect(calls.filter((call) => call.includes("multipart"))).toEqual([]);
  expect(await describeStored(key)).toEqual({
    sizeBytes: 3 * megabyte,
    sha256: hashOfFile(3),
    contentType: "audio/wav",
  });
});
