import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeadObjectCommand, ListMultipartUploadsCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createS3ObjectStore } from "../../adapters/aws/objects/object-store.ts";
import { createTestBuckets, describeOnAws } from "../fixtures/aws-emulator.ts";
import { objectStoreContract } from "./object-store.ts";
import type { OpenedObjectStore } from "./object-store-fixture.ts";

async function open() {
  const { buckets, remove } = await createTestBuckets();
  const folder = mkdtempSync(join(tmpdir(), "mixdown-objects-"));
  return {
    buckets,
    objects: createS3ObjectStore(buckets),
    other: createS3ObjectStore(buckets),
    folder,
    exactNames: true,
    close: async () => {
      rmSync(folder, { recursive: true });
      await remove();
    },
  } satisfies OpenedObjectStore & Record<string, unknown>;
}

const mebi = 1024 ** 2;

describeOnAws("objects", () => {
  objectStoreContract("S3", open);

  describe("two buckets", () => {
    let opened: Awaited<ReturnType<typeof open>>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    const isIn = async (Bucket: string, Key: string): Promise<boolean> =>
      opened.buckets
        .client()
        .send(new HeadObjectCommand({ Bucket, Key }))
        .then(
          () => true,
          () => false,
        );

    test("fails when an upload lies with the results, or a result with the uploads", async () => {
      const { buckets, objects, folder } = opened;
      const path = join(folder, "file");
      await writeFile(path, "x");
      const homes = {
        "raw/a/1/x.wav": buckets.raw,
        "old-front-end.wav": buckets.raw,
        "outputs/j/r/x.wav": buckets.derived,
        "cache/k/x.wav": buckets.derived,
      };
      for (const [key, home] of Object.entries(homes)) {
        await objects.putFile(key, path, "audio/wav");
        expect(await isIn(home, key), key).toBe(true);
        expect(await isIn(home === buckets.raw ? buckets.derived : buckets.raw, key), key).toBe(false);
      }
      const listed: string[] = [];
      for await (const { key } of objects.list("")) listed.push(key);
      expect(listed.toSorted()).toEqual(Object.keys(homes).toSorted());
    });

    test("fails when a file in parts is changed, unverified, or has no hash", async () => {
      const { buckets, folder } = opened;
      const objects = createS3ObjectStore(buckets, { multipartBytes: 6 * mebi, partBytes: 5 * mebi });
      const content = randomBytes(22 * mebi + 17);
      const path = join(folder, "long");
      await writeFile(path, content);
      const key = "outputs/j/r/long.wav";
      const info = await objects.putFile(key, path, "audio/wav");
      const sha256 = createHash("sha256").update(content).digest("hex");
      expect(info).toMatchObject({ sizeBytes: content.length, contentType: "audio/wav", sha256 });
      expect(await objects.head(key)).toEqual(info);
      const stored = await buckets
        .client()
        .send(new HeadObjectCommand({ Bucket: buckets.derived, Key: key, ChecksumMode: "ENABLED" }));
      expect(stored.ChecksumSHA256).toMatch(/-5$/);
      const got = join(folder, "got");
      expect(await objects.getFile(key, got)).toEqual(info);
      expect((await readFile(got)).equals(content)).toBe(true);
      const { Uploads } = await buckets.client().send(new ListMultipartUploadsCommand({ Bucket: buckets.derived }));
      expect(Uploads ?? []).toEqual([]);
    });

    test("fails when an uploader's word for a hash is taken for the store's", async () => {
      const { buckets, objects } = opened;
      const put = { Key: "raw/a/1/claimed.wav", Bucket: buckets.raw, Body: "x", Metadata: { sha256: "0".repeat(64) } };
      await buckets.client().send(new PutObjectCommand(put));
      expect((await objects.head(put.Key))?.sha256).toBeNull();
    });
  });
});
