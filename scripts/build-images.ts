import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeBaseImage, readLock } from "./base-image.ts";
import { bundleImage } from "./bundle-image.ts";
import { createImageBuilder, type ImageBuilder } from "./image-builder.ts";

/**
 * Builds the images that are named (all, if none is): `npm run images:build -- worker worker-lambda`. Prints each one's
 * size and writes what is in it to dist/images/NAME.cdx.json.
 *
 *   --builder docker|buildah   default: docker where its daemon answers, else buildah
 *   --base IMAGE               default: that of docker/base.lock; without one, what debootstrap makes
 *   --storage-root DIR         buildah's storage, for a build that is to leave nothing
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const names = ["worker", "worker-lambda", "worker-gpu", "platform"] as const;
type ImageName = (typeof names)[number];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { builder: { type: "string" }, base: { type: "string" }, "storage-root": { type: "string" } },
});
const wanted = (positionals.length === 0 ? names : positionals).map((name) => {
  const found = names.find((known) => known === name);
  if (found === undefined) throw new Error(`There is no image ${name}; there are ${names.join(", ")}.`);
  return found;
});

const builder = openBuilder();
const base = values.base ?? readLock() ?? makeBaseImage(builder, "localhost/mixdown-base:bookworm");
console.log(`base: ${base}`);
await bundleImage("worker");
// The others stand on it.
buildImage("worker", { BASE: base });
if (wanted.includes("platform")) await bundleImage("platform");
for (const name of wanted) if (name !== "worker") buildImage(name, { WORKER: tagOf("worker") });
for (const name of wanted) describeImage(name);

function openBuilder(): ImageBuilder {
  const answers = () => spawnSync("docker", ["info", "--format", "{{.ServerVersion}}"]).status === 0;
  const name = values.builder ?? (answers() ? "docker" : "buildah");
  if (name !== "docker" && name !== "buildah") throw new Error(`--builder is ${name}; allowed are docker and buildah.`);
  const folder = values["storage-root"];
  const storage = folder === undefined ? [] : ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
  return createImageBuilder(name, name === "buildah" ? storage : []);
}

function tagOf(name: ImageName): string {
  return `localhost/mixdown-${name}:latest`;
}

function buildImage(name: ImageName, buildArgs: Readonly<Record<string, string>>): void {
  builder.build({ file: join(root, "docker", `${name}.Dockerfile`), context: root, tag: tagOf(name), buildArgs });
}

/** The list of the bundle and Debian's own, as one document. */
function describeImage(name: ImageName): void {
  const folder = name === "platform" ? "image-platform" : "image";
  const sbom = JSON.parse(readFileSync(join(root, "dist", folder, "sbom.cdx.json"), "utf8"));
  const debian = builder.listPackages(tagOf(name)).map((found) => ({
    type: "library",
    ...found,
    purl: `pkg:deb/debian/${encodeURIComponent(found.name)}@${encodeURIComponent(found.version)}?distro=bookworm`,
  }));
  mkdirSync(join(root, "dist", "images"), { recursive: true });
  const path = join(root, "dist", "images", `${name}.cdx.json`);
  writeFileSync(path, `${JSON.stringify({ ...sbom, components: [...sbom.components, ...debian] }, null, 2)}\n`);
  const megabytes = Math.round(builder.sizeBytes(tagOf(name)) / 1_000_000);
  console.log(`${tagOf(name)}: ${megabytes} MB, ${debian.length} packages of Debian, ${path}`);
}
