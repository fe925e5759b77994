import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createS3ObjectStore } from "../../adapters/aws/objects/object-store.ts";
import type { ObjectStore } from "../../core/ports.ts";

// Connections that break: no emulator breaks them.

const content = randomBytes(3 * 1024 ** 2);
const sha256 = createHash("sha256").update(content).digest("base64");
const key = "raw/local/1/talk.wav";

let server: Server;
let asked: { range: string | undefined; ifMatch: string | undefined }[];
/** How many bytes each answer gives before it breaks; what is not said is whole. */
let breaks: number[];
let etag: (turn: number) => string;
let folder: string;

beforeEach(async () => {
  asked = [];
  breaks = [];
  etag = () => '"same"';
  folder = mkdtempSync(join(tmpdir(), "mixdown-download-"));
  server = createServer((request, response) => {
    const turn = asked.length;
    const { range, "if-match": ifMatch } = request.headers;
    asked.push({ range, ifMatch });
    if (ifMatch !== undefined && ifMatch !== etag(turn)) {
      response.writeHead(412, { "content-type": "application/xml" });
      return void response.end("<Error><Code>PreconditionFailed</Code><Message>no</Message></Error>");
    }
    const start = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const body = content.subarray(start);
    response.writeHead(range === undefined ? 200 : 206, {
      etag: etag(turn),
      "content-length": body.length,
      "last-modified": new Date(0).toUTCString(),
      ...(range === undefined ? { "x-amz-checksum-sha256": sha256, "x-amz-checksum-type": "FULL_OBJECT" } : {}),
    });
    const until = breaks[turn];
    if (until === undefined) return void response.end(body);
    response.write(body.subarray(0, until), () => setTimeout(() => response.destroy(), 20));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

function open(): ObjectStore {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new S3Client({ endpoint, credentials, region: "us-east-1", forcePathStyle: true });
  return createS3ObjectStore({ raw: "raw-bucket", derived: "derived-bucket", client: () => client });
}

test("fails when a download that broke twice is begun anew, or is not the file", async () => {
  breaks = [1_000_000, 500_000];
  const path = join(folder, "talk.wav");
  const info = await open().getFile(key, path);
  expect(readFileSync(path).equals(content)).toBe(true);
  expect(info).toMatchObject({ sizeBytes: content.length, etag: "same" });
  expect(asked).toHaveLength(3);
  expect(asked[0]).toEqual({ range: undefined, ifMatch: undefined });
  const starts = asked.slice(1).map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1]));
  expect(starts[0]).toBeGreaterThan(0);
  expect(starts[1]).toBeGreaterThanOrEqual(starts[0] ?? 0);
  expect(asked.slice(1).map(({ ifMatch }) => ifMatch)).toEqual(['"same"', '"same"']);
});

test("fails when two contents are joined because the object was replaced in between", async () => {
  breaks = [1_000_000];
  etag = (turn) => (turn === 0 ? '"first"' : '"second"');
  const path = join(folder, "talk.wav");
  await expect(open().getFile(key, path)).rejects.toMatchObject({ code: "input_changed", retryable: true });
  expect(() => readFileSync(path)).toThrow("ENOENT");
});

test("fails when a download that always breaks is tried for ever, or leaves half a file", async () => {
  breaks = Array.from({ length: 50 }, () => 10_000);
  const path = join(folder, "talk.wav");
  writeFileSync(path, "what stood there before");
  await expect(open().getFile(key, path)).rejects.toMatchObject({ retryable: true });
  expect(asked.length).toBeLessThan(20);
  expect(() => readFileSync(path)).toThrow("ENOENT");
});
