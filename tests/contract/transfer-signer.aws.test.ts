import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createS3ObjectStore } from "../../adapters/aws/objects/object-store.ts";
import { createS3TransferSigner } from "../../adapters/aws/transfer-signer.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { createTestBuckets, describeOnAws } from "../fixtures/aws-emulator.ts";
import { transferSignerContract } from "./transfer-signer.ts";

async function open() {
  const { buckets, remove } = await createTestBuckets();
  const root = await mkdtemp(join(tmpdir(), "mixdown-transfers-"));
  const objects = createS3ObjectStore(buckets);
  return {
    transfers: createS3TransferSigner(buckets, systemClock),
    objects,
    async put(key: string, content: Buffer) {
      const path = join(root, "source");
      await writeFile(path, content);
      await objects.putFile(key, path, "application/octet-stream");
    },
    // MiniStack 1.4 keeps a checksum header without computing it, and reads of a form's policy the length alone. S3
    // answers BadDigest and AccessDenied (AmazonS3/latest/userguide/checking-object-integrity.html,
    // sigv4-HTTPPOSTConstructPolicy.html); what is signed is looked at below.
    unchecked: process.env.MIXDOWN_REAL_AWS === "1" ? ([] as const) : (["checksum", "form's key"] as const),
    async close() {
      await rm(root, { recursive: true, force: true });
      await remove();
    },
  };
}

describeOnAws("transfers", () => {
  transferSignerContract("S3", open);

  describe("what is signed", () => {
    let opened: Awaited<ReturnType<typeof open>>;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());
    const announcement = { key: "raw/local/1/a.wav", contentType: "audio/wav", sizeBytes: 5 };

    test("fails when size, type or checksum of an upload stand outside its signature", async () => {
      const { url } = await opened.transfers.presignUpload({ ...announcement, sha256: "0".repeat(64) }, 60);
      const query = new URL(url).searchParams;
      expect(query.get("X-Amz-SignedHeaders")?.split(";")).toEqual([
        "content-length",
        "content-type",
        "host",
        "x-amz-checksum-sha256",
      ]);
      // A parameter of the URL is the signer's word, not the sender's; and nobody sends a CRC that we made up.
      expect([...query.keys()].filter((name) => /checksum|crc/i.test(name))).toEqual([]);
      expect(query.get("X-Amz-Expires")).toBe("60");
    });

    test("fails when a form's policy leaves its key, type or size open", async () => {
      const { key, contentType } = announcement;
      const { fields } = await opened.transfers.presignForm({ key, contentType, maxBytes: 77 }, 60);
      const policy = JSON.parse(Buffer.from(fields.Policy ?? "", "base64").toString());
      expect(policy.conditions).toEqual(
        expect.arrayContaining([{ key }, ["content-length-range", 1, 77], ["eq", "$Content-Type", contentType]]),
      );
      expect(fields).toMatchObject({ key, "Content-Type": contentType });
      const seconds = (Date.parse(policy.expiration) - Date.now()) / 1_000;
      expect(seconds).toBeGreaterThan(50);
      expect(seconds).toBeLessThanOrEqual(60);
    });

    test("fails when a URL is signed for a key that cannot be one", async () => {
      await expect(opened.transfers.presignUpload({ ...announcement, key: "../x" }, 60)).rejects.toMatchObject({
        code: "usage_invalid",
      });
    });
  });
});
