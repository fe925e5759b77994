import { createHash, randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { TransferSigner } from "../../core/api-ports.ts";
import type { ObjectStore } from "../../core/ports.ts";

export interface OpenedTransfers {
  readonly transfers: TransferSigner;
  readonly objects: ObjectStore;
  /** Puts `content` under `key` by another way than a URL. */
  put(key: string, content: Buffer): Promise<void>;
  /** What an emulator does not check and the real thing does, so that nothing can be seen of it here. @default nothing */
  readonly unchecked?: readonly ("checksum" | "form's key")[];
  close(): Promise<void>;
}

const contentType = "audio/wav";

/** What presigned URLs must do wherever they lead: nothing but what was announced, to nobody but who holds them. */
export function transferSignerContract(name: string, open: () => Promise<OpenedTransfers>): void {
  describe(`transfers: ${name}`, () => {
    let opened: OpenedTransfers;
    beforeEach(async () => {
      opened = await open();
    });
    afterEach(() => opened.close());

    const content = Buffer.from(randomBytes(100_000));
    const sha256 = createHash("sha256").update(content).digest("hex");
    const send = (ticket: { url: string; headers: Readonly<Record<string, string>> }, body: Buffer, headers = {}) =>
      fetch(ticket.url, { method: "PUT", body: new Uint8Array(body), headers: { ...ticket.headers, ...headers } });
    const announce = (key: string, extra = {}, seconds = 60) =>
      opened.transfers.presignUpload({ key, contentType, sizeBytes: content.length, ...extra }, seconds);

    test("fails when an announced file does not arrive whole, with its type", async () => {
      const response = await send(await announce("raw/local/1/a.wav", { sha256 }), content);
      expect(response.status).toBe(200);
      expect(response.headers.get("etag")).toMatch(/^".+"$/);
      expect(await opened.objects.head("raw/local/1/a.wav")).toMatchObject({ sizeBytes: content.length, contentType });
    });

    test("fails when a file of another size, type or content than announced is taken", async () => {
      const sized = await announce("raw/local/1/a.wav");
      expect((await send(sized, content.subarray(1))).ok).toBe(false);
      expect((await send(sized, Buffer.concat([content, content]))).ok).toBe(false);
      expect((await send(sized, content, { "content-type": "text/html" })).ok).toBe(false);
      if (opened.unchecked?.includes("checksum") !== true) {
        const hashed = await announce("raw/local/1/a.wav", { sha256 });
        expect((await send(hashed, randomBytes(content.length))).ok).toBe(false);
      }
      expect(await opened.objects.head("raw/local/1/a.wav")).toBeUndefined();
    });

    test("fails when a URL that has expired, or was changed by one letter, still works", async () => {
      const past = await announce("raw/local/1/a.wav", {}, -1);
      expect((await send(past, content)).ok).toBe(false);
      const good = await announce("raw/local/1/a.wav");
      const at = good.url.length - 12;
      const changed = good.url.slice(0, at) + (good.url[at] === "A" ? "B" : "A") + good.url.slice(at + 1);
      const elsewhere = good.url.replace(/\/files\/.{40}/, (part) => part.split("").reverse().join(""));
      for (const url of [changed, elsewhere].filter((candidate) => candidate !== good.url)) {
        const response = await send({ ...good, url }, content).catch(() => null);
        // The name at the end of a path may be free text; what it leads to may not be.
        if (response?.ok === true) expect(await opened.objects.head("raw/local/1/a.wav")).toBeDefined();
      }
    });

    test("fails when a URL for one thing can be used for another", async () => {
      const up = await announce("raw/local/1/a.wav");
      expect((await fetch(up.url)).ok).toBe(false);
      await opened.put("outputs/j/r/a.wav", content);
      const down = await opened.transfers.presignDownload(
        { key: "outputs/j/r/a.wav", filename: "a.wav", contentType },
        60,
      );
      expect((await fetch(down.url, { method: "PUT", body: "x" })).ok).toBe(false);
    });

    test("fails when a download is not the file, under its name, as an attachment that no browser runs", async () => {
      await opened.put("outputs/j/r/a.wav", content);
      const filename = 'Folge "12" – Ärger.wav';
      const { url } = await opened.transfers.presignDownload({ key: "outputs/j/r/a.wav", filename, contentType }, 60);
      const response = await fetch(url);
      expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
      expect(response.headers.get("content-type")).toBe(contentType);
      expect(response.headers.get("content-disposition")).toMatch(/^attachment;/);
      expect(response.headers.get("content-disposition")).toContain(encodeURIComponent("Ärger"));
      const part = await fetch(url, { headers: { range: "bytes=10-19" } });
      expect(part.status).toBe(206);
      expect(Buffer.from(await part.arrayBuffer()).equals(content.subarray(10, 20))).toBe(true);
    });

    test("fails when parts that arrive in any order, one of them twice, do not make the file", async () => {
      const key = "raw/local/1/big.wav";
      const whole = randomBytes(5 * 1024 ** 2 * 2 + 1_000);
      const upload = await opened.transfers.createMultipart({ key, contentType });
      const etags: string[] = [];
      for (const partNumber of [3, 1, 2, 1]) {
        const { url } = await opened.transfers.presignPart(upload, partNumber, 60);
        const start = (partNumber - 1) * 5 * 1024 ** 2;
        const response = await fetch(url, {
          method: "PUT",
          body: new Uint8Array(whole.subarray(start, start + 5 * 1024 ** 2)),
        });
        expect(response.ok).toBe(true);
        etags[partNumber] = response.headers.get("etag") ?? "";
      }
      expect((await opened.transfers.listParts(upload)).map((part) => [part.partNumber, part.sizeBytes])).toEqual([
        [1, 5 * 1024 ** 2],
        [2, 5 * 1024 ** 2],
        [3, 1_000],
      ]);
      expect(await opened.objects.head(key)).toBeUndefined();
      await opened.transfers.completeMultipart(
        upload,
        [1, 2, 3].map((partNumber) => ({ partNumber, etag: etags[partNumber] ?? "" })),
      );
      expect(await opened.objects.head(key)).toMatchObject({ sizeBytes: whole.length, contentType });
      await expect(opened.transfers.listParts(upload)).rejects.toMatchObject({ code: "upload_not_found" });
    });

    test("fails when parts that were not uploaded complete an upload, or one that was given up goes on", async () => {
      const upload = await opened.transfers.createMultipart({ key: "raw/local/1/big.wav", contentType });
      await expect(opened.transfers.completeMultipart(upload, [{ partNumber: 1, etag: '"x"' }])).rejects.toMatchObject({
        code: "usage_invalid",
      });
      const { url } = await opened.transfers.presignPart(upload, 1, 60);
      await opened.transfers.abortMultipart(upload);
      expect((await fetch(url, { method: "PUT", body: "x" })).ok).toBe(false);
      await expect(opened.transfers.listParts(upload)).rejects.toMatchObject({ code: "upload_not_found" });
    });

    test("fails when what was begun long ago is not swept, or what was begun now is", async () => {
      const upload = await opened.transfers.createMultipart({ key: "raw/local/1/big.wav", contentType });
      expect(await opened.transfers.sweepMultipart(Date.now() - 3_600_000)).toBe(0);
      expect(await opened.transfers.listParts(upload)).toEqual([]);
      expect(await opened.transfers.sweepMultipart(Date.now() + 3_600_000)).toBe(1);
      await expect(opened.transfers.listParts(upload)).rejects.toMatchObject({ code: "upload_not_found" });
    });

    test("fails when a posted form does not store its file, or stores a larger or another one than it may", async () => {
      const key = "raw/local/1/form.wav";
      const post = async (fields: Readonly<Record<string, string>>, url: string, body: Buffer) => {
        const form = new FormData();
        for (const [field, value] of Object.entries(fields)) form.append(field, value);
        form.append("file", new Blob([new Uint8Array(body)], { type: contentType }), "form.wav");
        return fetch(url, { method: "POST", body: form });
      };
      const { url, fields } = await opened.transfers.presignForm({ key, contentType, maxBytes: content.length }, 60);
      expect((await post(fields, url, Buffer.concat([content, content]))).ok).toBe(false);
      if (opened.unchecked?.includes("form's key") !== true) {
        expect((await post({ ...fields, key: "raw/acme/1/form.wav" }, url, content)).ok).toBe(false);
      }
      expect(await opened.objects.head(key)).toBeUndefined();
      const response = await post(fields, url, content);
      expect(response.ok).toBe(true);
      expect(response.headers.get("etag")).toMatch(/^".+"$/);
      expect(await opened.objects.head(key)).toMatchObject({ sizeBytes: content.length, contentType });
    });
  });
}
