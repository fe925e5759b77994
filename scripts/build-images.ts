import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makeBaseImage, readLock } from "./base-image.ts";
import { bundleImage } from "./bundle-image.ts";
import { createImageBuilder, type ImageBuilder } from "./image-builder.ts";
import { runImageScript } from "./run-image-script.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const names = ["worker", "worker-lambda", "worker-gpu", "platform"] as const;
type ImageName = (typeof names)[number];

const usage = `npm run images:build [-- NAME... options]

Builds the images that are named (all, if none is): ${names.join(", ")}.
Prints each one's size, and writes what is in it to dist/images/NAME.cdx.json.

  --builder docker|buildah   default: docker where its daemon answers, else buildah
  --base IMAGE               default: that of docker/base.lock; without one, what debootstrap makes
  --network NAME             what the build reaches Debian by, such as host; default: the builder's own
  --storage-root DIR         buildah's storage, for a build that is to leave nothing`;

await runImageScript(usage, async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      builder: { type: "string" },
      base: { type: "string" },
      network: { type: "string" },
      "storage-root": { type: "string" },
    },
  });
  const wanted = (positionals.length === 0 ? names : positionals).map((name) => {
    const found = names.find((known) => known === name);
    if (found === undefined) throw new Error(`There is no image ${name}; there are ${names.join(", ")}.`);
    return found;
  });
  if (process.platform !== "linux") {
    throw new Error(
      "Images are built on Linux, on the processor that they are for: this machine's Node goes into them.",
    );
  }
  const builder = openBuilder(values.builder ?? findBuilder(), values.network, values["storage-root"]);
  const base = values.base ?? readLock() ?? makeBaseImage(builder, "localhost/mixdown-base:bookworm");
  console.log(`base: ${base}`);
  // The worker last: the others stand on it.
  const order = [...wanted.filter((name) => name !== "worker"), "worker"] as const;
  const before = order.flatMap((name) => builder.findId(tagOf(name)) ?? []);
  await bundleImage("worker");
  // The others stand on it.
  buildImage(builder, "worker", { BASE: base });
  if (wanted.includes("platform")) await bundleImage("platform");
  for (const name of wanted) if (name !== "worker") buildImage(builder, name, { WORKER: tagOf("worker") });
  for (const name of wanted) describeImage(builder, name);
  // Half a gigabyte each, without a name by now.
  builder.discard(before);
});

function findBuilder(): string {
  if (spawnSync("docker", ["version", "--format", "{{.Server.Version}}"]).status === 0) return "docker";
  if (spawnSync("buildah", ["version"]).status === 0) return "buildah";
  throw new Error("Neither Docker's daemon nor buildah answers; start or install one.");
}

function openBuilder(name: string, network: string | undefined, folder: string | undefined): ImageBuilder {
  if (name !== "docker" && name !== "buildah") throw new Error(`--builder is ${name}; allowed are docker and buildah.`);
  const storage = folder === undefined ? [] : ["--root", join(folder, "root"), "--runroot", join(folder, "run")];
  return createImageBuilder(name, { storage: name === "buildah" ? storage : [], network });
}

function tagOf(name: ImageName): string {
  return `localhost/mixdown-${name}:latest`;
}

function buildImage(builder: ImageBuilder, name: ImageName, buildArgs: Readonly<Record<string, string>>): void {
  builder.build({ file: join(root, "docker", `${name}.Dockerfile`), context: root, tag: tagOf(name), buildArgs });
}

/** The list of the bundle and Debian's own, as one document. */
function describeImage(builder: ImageBuilder, name: ImageName): void {
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
