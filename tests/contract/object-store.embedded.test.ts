import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFileObjectStore } from "../../adapters/embedded/object-store.ts";
import { objectStoreContract } from "./object-store.ts";
import type { OpenedObjectStore } from "./object-store-fixture.ts";

async function open(): Promise<OpenedObjectStore> {
  const base = mkdtempSync(join(tmpdir(), "mixdown-objects-"));
  const folder = join(base, "local");
  mkdirSync(folder);
  return {
    objects: createFileObjectStore(join(base, "objects")),
    other: createFileObjectStore(join(base, "objects")),
    folder,
    exactNames: process.platform === "linux",
    close: async () => rmSync(base, { recursive: true }),
  };
}

objectStoreContract("The store on files", open);
