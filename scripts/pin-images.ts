import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { baseImage, lockFile } from "./base-image.ts";
import { findDigest } from "./find-digest.ts";
import { runImageScript } from "./run-image-script.ts";

const dockerHub = "https://registry-1.docker.io";
const usage = `npm run images:pin [-- options]

Writes docker/base.lock: the base image's digest as a registry names it now.

  --registry URL   a mirror of Docker Hub that can be read without an account; default: Docker Hub
  --to FILE        another file than docker/base.lock`;

await runImageScript(usage, async () => {
  const options = { registry: { type: "string" }, to: { type: "string" } } as const;
  const { registry = dockerHub, to = lockFile } = parseArgs({ options }).values;
  const url = URL.parse(registry);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new Error(`--registry is ${JSON.stringify(registry)}; a URL is wanted, such as https://mirror.example.`);
  }
  const { repository, tag } = baseImage;
  const digest = await findDigest({ registry: url.origin, repository, tag });
  // Docker Hub answers under one name, and its images are named by another.
  const host = url.origin === dockerHub ? "docker.io" : url.host;
  const lock = { image: `${host}/${repository}:${tag}`, digest, pinnedAt: new Date().toISOString() };
  writeFileSync(to, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`${to}: ${lock.image}@${digest}`);
});
