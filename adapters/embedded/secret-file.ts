import { randomBytes, randomUUID } from "node:crypto";
import { link, readFile, rm, writeFile } from "node:fs/promises";

/** 256 random bits that stay with the data folder, readable by its owner alone; made on first use. */
export async function readSecret(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  // A link is made whole or not at all, and fails where another process was faster: then its secret is the one.
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, randomBytes(32), { mode: 0o600 });
  await link(draft, path).catch(() => {});
  await rm(draft);
  return readFile(path);
}
