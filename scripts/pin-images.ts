import { writeFileSync } from "node:fs";
import { baseImage, lockFile } from "./base-image.ts";
import { findDigest } from "./find-digest.ts";

/** Writes docker/base.lock: the base image's digest as Docker Hub's registry names it now. */
const { repository, tag } = baseImage;
const digest = await findDigest({
  registry: "https://registry-1.docker.io",
  repository,
  tag,
});
const lock = { image: `docker.io/${repository}:${tag}`, digest, pinnedAt: new Date().toISOString() };
writeFileSync(lockFile, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${lockFile}: ${lock.image}@${digest}`);
