import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build, type Metafile, type Plugin } from "esbuild";
import { onlyEnglish } from "./only-english.ts";

/**
 * Bundles each function into dist/functions/NAME/index.mjs with its source map; what went in stands beside the folder
 * in NAME.meta.json, so that the archive that is deployed holds nothing else.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const outdir = join(root, "dist", "functions");

/** Some packages are CommonJS and require Node's own modules, which an ES module has no `require` for. */
const banner = `import { createRequire as mixdownRequire } from "node:module"; const require = mixdownRequire(import.meta.url);`;

const names = readdirSync(join(root, "functions"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(root, "functions", entry.name, "wiring.ts")))
  .map((entry) => entry.name)
  .sort();

const resolving = Symbol();

/** An adapter that a function does not call stays out of it whole, the tables of its permissions included. */
const dropIdleAdapters: Plugin = {
  name: "drop-idle-adapters",
  setup(setup) {
    setup.onResolve(
      { filter: /\/adapters\/aws\// },
      async ({ path, importer, namespace, resolveDir, kind, pluginData }) => {
        if (pluginData === resolving) return undefined;
        const options = { importer, namespace, resolveDir, kind, pluginData: resolving };
        return { ...(await setup.resolve(path, options)), sideEffects: false };
      },
    );
  },
};

async function buildFunction(name: string): Promise<Metafile> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [`functions/${name}/wiring.ts`],
    outfile: join("dist", "functions", name, "index.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node24",
    mainFields: ["module", "main"],
    conditions: ["module"],
    banner: { js: banner },
    minify: true,
    keepNames: true,
    sourcemap: "linked",
    sourcesContent: false,
    legalComments: "none",
    metafile: true,
    plugins: [onlyEnglish, dropIdleAdapters],
  });
  return metafile;
}

rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });
for (const name of names) {
  writeFileSync(join(outdir, `${name}.meta.json`), JSON.stringify(await buildFunction(name)));
  const bundle = readFileSync(join(outdir, name, "index.mjs"));
  const kilobytes = (bytes: number) => `${Math.round(bytes / 1000)} kB`;
  console.log(
    `dist/functions/${name}/index.mjs: ${kilobytes(bundle.length)}, ${kilobytes(gzipSync(bundle).length)} packed`,
  );
}
