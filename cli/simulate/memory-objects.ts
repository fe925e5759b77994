import { sha256Hex } from "../../core/canonical-json.ts";
import { MixdownError } from "../../core/errors.ts";
import type { ObjectInfo, ObjectStore } from "../../core/ports.ts";

interface Content {
  readonly text: string;
  /** What it is said to be long, whatever the text is. */
  readonly sizeBytes: number;
}

interface StoredObject extends Content {
  readonly info: ObjectInfo;
}

/** Objects and local files of a platform in memory: contents are short texts, of whatever size they claim. */
export class MemoryObjects implements ObjectStore {
  readonly files = new Map<string, Content>();
  /** By the first two parts of the key, so that one job's objects are found without a look at all. */
  readonly #folders = new Map<string, Map<string, StoredObject>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  put(key: string, text: string, sizeBytes = text.length, contentType = "text/plain"): void {
    const sha256 = sha256Hex(text);
    const info = { key, sizeBytes, etag: sha256.slice(0, 32), contentType, sha256, modifiedAt: this.#now() };
    const folder = folderOf(key);
    const objects = this.#folders.get(folder) ?? new Map<string, StoredObject>();
    this.#folders.set(folder, objects.set(key, { text, sizeBytes, info }));
  }

  has = (key: string): boolean => this.#find(key) !== undefined;

  keys(prefix = ""): string[] {
    const folder = folderOf(prefix);
    const within = prefix.split("/").length > 2 ? [this.#folders.get(folder)] : [...this.#folders.values()];
    return within.flatMap((objects) => [...(objects?.keys() ?? [])]).filter((key) => key.startsWith(prefix));
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    return this.#find(key)?.info;
  }

  async putFile(key: string, path: string, contentType: string): Promise<ObjectInfo> {
    const { text, sizeBytes } = this.files.get(path) ?? { text: "", sizeBytes: 0 };
    this.put(key, text, sizeBytes, contentType);
    return this.#get(key).info;
  }

  async getFile(key: string, path: string): Promise<ObjectInfo> {
    const { text, sizeBytes, info } = this.#get(key);
    this.files.set(path, { text, sizeBytes });
    return info;
  }

  async *list(prefix: string): AsyncIterable<ObjectInfo> {
    for (const key of this.keys(prefix)) {
      const object = this.#find(key);
      if (object !== undefined) yield object.info;
    }
  }

  async remove(key: string): Promise<void> {
    this.delete(key);
  }

  delete(key: string): void {
    const folder = folderOf(key);
    const objects = this.#folders.get(folder);
    objects?.delete(key);
    if (objects?.size === 0) this.#folders.delete(folder);
  }

  #find(key: string): StoredObject | undefined {
    return this.#folders.get(folderOf(key))?.get(key);
  }

  #get(key: string): StoredObject {
    const object = this.#find(key);
    if (object === undefined) throw new MixdownError("input_not_found", { message: `${key} does not exist.` });
    return object;
  }
}

const folderOf = (key: string): string => key.split("/", 2).join("/");
