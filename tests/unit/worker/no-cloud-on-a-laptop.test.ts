import { spawnSync } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Every package that loading `module` asks for, dynamic imports that are not taken left out. */
function packagesOf(module: string): readonly string[] {
  const code = `import { registerHooks } from "node:module";
    const seen = new Set();
    registerHooks({ resolve(specifier, context, next) { seen.add(specifier); return next(specifier, context); } });
    await import(${JSON.stringify(pathToFileURL(root + module).href)});
    console.log(JSON.stringify([...seen]));
    process.exit(0);`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", code], { encoding: "utf8" });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
}

test.each(["worker/attempt.ts", "cli/wiring.ts"])("fails when %s loads an SDK of a cloud on a laptop", (module) => {
  const packages = packagesOf(module);
  expect(packages.filter((name) => /^(@aws-|@smithy\/|cdktn|constructs)/.test(name))).toEqual([]);
  // The hook has seen something at all.
  expect(packages.some((name) => name.endsWith("core/errors.ts"))).toBe(true);
});
