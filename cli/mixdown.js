#!/usr/bin/env node
// Plain JavaScript: an older Node, which cannot read TypeScript, must get as far as its one sentence.
import { existsSync } from "node:fs";

const { node } = process.versions;
if (Number(node.split(".")[0]) < 24) {
  process.stderr.write(
    `error: mixdown needs Node 24 or newer and was started with Node ${node} (${process.execPath}); install it from https://nodejs.org, or in a checkout run \`npm ci\` (which brings it) and then \`npx mixdown\`.\n`,
  );
  process.exitCode = 5;
} else {
  const { startCompileCache } = await import("../config/compile-cache.js");
  startCompileCache();
  // The checkout runs the source; the packed package has built JavaScript only, since Node strips no types there.
  await import(existsSync(new URL("./main.ts", import.meta.url)) ? "./main.ts" : "../dist/cli/main.js");
}
