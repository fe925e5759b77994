import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { bundleImage } from "../bundle-image.ts";
import { checkout } from "./workspace.ts";

/**
 * What the images are made of besides Debian's packages, as 16 hexadecimal digits: recipes, pinned base, code and Node.
 * The same on every machine, so that a registry can be asked whether it has this already.
 */
export async function fingerprintSource(): Promise<string> {
  await bundleImage("worker");
  return fingerprintBundled();
}

/** The same of what was bundled last: after a build, of what went into the images. */
export function fingerprintBundled(): string {
  const files = [...listFiles("docker"), ...listFiles(join("dist", "image"))].sort();
  const hash = createHash("sha256");
  for (const file of files) {
    const bytes = readFileSync(join(checkout, file));
    hash.update(`${file}\n${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 16);
}

const listFiles = (folder: string): readonly string[] =>
  readdirSync(join(checkout, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(checkout.length));
