import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach } from "vitest";
import type { ObjectInfo, ObjectStore } from "../../core/ports.ts";

export interface OpenedObjectStore {
  readonly objects: ObjectStore;
  /** The same store as another process sees it. */
  readonly other: ObjectStore;
  /** An empty local folder for files to put and to get. */
  readonly folder: string;
  /** Whether keys that differ in case or in Unicode form alone are two keys. */
  readonly exactNames: boolean;
  close(): Promise<void>;
}

export type UsedObjectStore = ReturnType<typeof useObjectStore>;

/** A store of its own for each test, and ways to put and get without files of the caller's. */
export function useObjectStore(open: () => Promise<OpenedObjectStore>) {
  let opened: OpenedObjectStore;
  let files = 0;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(() => opened.close());

  const localPath = () => join(opened.folder, `file-${++files}`);
  const put = async (key: string, content: Buffer | string, contentType = "audio/wav", store = opened.objects) => {
    const path = localPath();
    await writeFile(path, content);
    return store.putFile(key, path, contentType);
  };
  const get = async (key: string, store = opened.objects): Promise<{ info: ObjectInfo; content: Buffer }> => {
    const path = localPath();
    const info = await store.getFile(key, path);
    return { info, content: await readFile(path) };
  };
  const list = async (prefix: string): Promise<ObjectInfo[]> => {
    const found: ObjectInfo[] = [];
    for await (const info of opened.objects.list(prefix)) found.push(info);
    return found;
  };
  const keysOf = async (prefix: string) => (await list(prefix)).map((info) => info.key).toSorted();
  return {
    get opened() {
      return opened;
    },
    localPath,
    put,
    get,
    list,
    keysOf,
  };
}
