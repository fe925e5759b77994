import { createHash } from "node:crypto";
import { MixdownError } from "../../../../core/errors.ts";
import type { ObjectInfo, ObjectStore } from "../../../../core/ports.ts";

/** Objects and local files of the model, in memory: contents are short texts. */
export class MemoryObjects implements ObjectStore {
  readonly objects = new Map<string, { text: string; contentType: string; modifiedAt: number }>();
  readonly files = new Map<string, string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  put(key: string, text: string): void {
    this.objects.set(key, { text, contentType: "text/plain", modifiedAt: this.#now() });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const object = this.objects.get(key);
    if (object === undefined) return undefined;
    const sha256 = createHash("sha256").update(object.text).digest("hex");
    const { contentType, modifiedAt } = object;
    return { key, sizeBytes: object.text.length, etag: sha256.slice(0, 32), contentType, sha256, modifiedAt };
  }

  async putFile(key: string, path: string, contentType: string): Promise<ObjectInfo> {
    this.objects.set(key, { text: this.files.get(path) ?? "", contentType, modifiedAt: this.#now() });
    return (await this.head(key)) as ObjectInfo;
  }

  async getFile(key: string, path: string): Promise<ObjectInfo> {
    const info = await this.head(key);
    if (info === undefined) throw new MixdownError("input_not_found", { message: `${key} does not exist.` });
    this.files.set(path, this.objects.get(key)?.text ?? "");
    return info;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for (const key of [...this.objects.keys()]) {
      const info = key.startsWith(prefix) ? await this.head(key) : undefined;
      if (info !== undefined) yield info;
    }
  }

  async remove(key: string): Promise<void> {
    this.objects.delete(key);
  }
}
