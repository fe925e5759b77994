import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";
import { onlyEnglish } from "./only-english.ts";
import { pointToBuiltModules } from "./point-to-built-modules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Some packages are CommonJS and require Node's own modules, which an ES module has no `require` for. */
const banner = `import { createRequire as mixdownRequire } from "node:module"; const require = mixdownRequire(import.meta.url);`;

const bundles = {
  worker: { folder: "dist/image", entryPoints: ["worker/main.ts", "worker/thread.ts", "worker/lambda.ts"] },
  platform: { folder: "dist/image-platform", entryPoints: ["cli/main.ts", "worker/main.ts", "worker/thread.ts"] },
};

/**
 * Puts together what an image is made of besides Debian's packages: the code in a few files, the Node that the tests ran
 * on (both from the lock file), and the list of what went in (CycloneDX).
 * @returns bytes of code
 */
export async function bundleImage(name: keyof typeof bundles): Promise<number> {
  const { folder, entryPoints } = bundles[name];
  rmSync(join(root, folder), { recursive: true, force: true });
  mkdirSync(join(root, folder), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints,
    outdir: folder,
    outbase: ".",
    // Beside the entry points, so that relative paths mean the same in a chunk.
    chunkNames: "worker/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    conditions: ["module"],
    banner: { js: banner },
    minify: true,
    keepNames: true,
    legalComments: "eof",
    metafile: true,
    plugins: [pointToBuiltModules, onlyEnglish],
  });
  writeFileSync(join(root, folder, "package.json"), `${JSON.stringify({ type: "module" })}\n`);
  writeFileSync(join(root, folder, "sbom.cdx.json"), `${JSON.stringify(buildSbom(metafile), null, 2)}\n`);
  if (name === "worker") {
    copyFileSync(join(root, "node_modules", "node", "bin", "node"), join(root, folder, "node"));
  }
  openToAll(join(root, folder));
  return Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
}

/** Readable by whatever user it runs as, whatever the umask is here. COPY keeps modes; its --chmod wants BuildKit. */
function openToAll(folder: string): void {
  chmodSync(folder, 0o755);
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" })) chmodSync(join(folder, path), 0o755);
}

/** CycloneDX 1.6 of the packages whose code is in the bundle, and of Node. */
function buildSbom({ inputs }: Metafile) {
  const packageOf = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//;
  const names = new Set(Object.keys(inputs).flatMap((path) => packageOf.exec(path)?.[1] ?? []));
  const components = [...names, "node"].sort().map((name) => {
    const version = readVersion(name);
    const type = name === "node" ? "platform" : "library";
    return { type, name, version, purl: `pkg:npm/${name.replace("@", "%40")}@${version}` };
  });
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "application", name, version } },
    components,
  };
}

const readVersion = (name: string): string =>
  JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8")).version;
