import { readFileSync } from "node:fs";
import type { Plugin } from "esbuild";

/** The paths to modules that are no imports: the platform's worker, which runs as a process, and the worker's threads. */
const pathsToModules = [
  { from: /[/\\]cli[/\\]wiring\.ts$/, to: "../worker/main.ts" },
  { from: /[/\\]worker[/\\]start-threads\.ts$/, to: "../worker/thread.ts" },
  { from: /[/\\]worker[/\\]lambda\.ts$/, to: "../worker/main.ts" },
];

/** Such a path names TypeScript in the source, and what was built of it where everything was built. */
export const pointToBuiltModules: Plugin = {
  name: "point-to-built-modules",
  setup(setup) {
    for (const { from, to } of pathsToModules) {
      setup.onLoad({ filter: from }, ({ path }) => {
        const source = readFileSync(path, "utf8");
        if (source.split(`"${to}"`).length !== 2) {
          return { errors: [{ text: `${path} must name "${to}" exactly once` }] };
        }
        return { contents: source.replace(to, to.replace(/\.ts$/, ".js")), loader: "ts" };
      });
    }
  },
};
