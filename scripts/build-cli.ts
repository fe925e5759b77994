import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { onlyEnglish } from "./only-english.ts";
import { pointToBuiltModules } from "./point-to-built-modules.ts";

/**
 * Builds the packed command line into dist/: Node strips no types under node_modules, and one file that is read whole
 * starts faster than a hundred. The layout is that of the source, since the platform starts its worker by a path.
 */
const root = fileURLToPath(new URL("..", import.meta.url));

/** What stays outside: CommonJS packages that require Node's modules, which an ES module cannot take in, and: */
const external = [
  "@fastify/busboy",
  // The worker's ports on AWS: the worker's image has them, a laptop needs neither them nor the SDK.
  "./aws/wiring.ts",
];

for (const folder of ["cli", "worker"]) rmSync(join(root, "dist", folder), { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["cli/main.ts", "worker/main.ts", "worker/thread.ts"],
  outdir: "dist",
  outbase: ".",
  // Beside the entry points, so that relative paths mean the same in a chunk.
  chunkNames: "cli/[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  external,
  target: "node24",
  minify: true,
  legalComments: "eof",
  metafile: true,
  plugins: [pointToBuiltModules, onlyEnglish],
});
const outputs = Object.entries(metafile.outputs);
for (const [path] of outputs) {
  if (!readFileSync(join(root, path), "utf8").includes("Dynamic require of")) continue;
  throw new Error(`${path} took in a CommonJS package that requires at run time; name it in \`external\``);
}
const kilobytes = Math.round(outputs.reduce((sum, [, { bytes }]) => sum + bytes, 0) / 1000);
console.log(`dist/: ${outputs.length} files, ${kilobytes} kB`);
