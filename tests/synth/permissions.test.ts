import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import { functionNames } from "../../config/function-names.ts";
import { permissionsOf } from "../../config/permissions.ts";
import type { Permission } from "../../core/permission.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Adapter {
  readonly path: string;
  readonly table: readonly Permission[];
}

/** Adapters whose makers are in the bundle; a table alone is kept for its side effects, which it has none of. */
async function findAdapters(wiring: string): Promise<readonly Adapter[]> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [wiring],
    bundle: true,
    write: false,
    outdir: "out",
    metafile: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "silent",
  });
  const code = outputFiles[0]?.text ?? "";
  const paths = Object.keys(metafile.inputs).filter((path) => path.startsWith("adapters/aws/"));
  const adapters = await Promise.all(
    paths.map(async (path) => {
      const exported = Object.entries((await import(`${root}/${path}`)) as Readonly<Record<string, unknown>>);
      const opened = exported.some(
        ([name, value]) => typeof value === "function" && code.includes(`function ${name}(`),
      );
      const tables = exported.filter(([name]) => name.endsWith("Permissions")).map(([, table]) => table);
      return { path, opened, table: tables.flat() as Permission[] };
    }),
  );
  return adapters.filter(({ opened }) => opened);
}

const wirings = [
  ...functionNames.map((name) => [name, `functions/${name}/wiring.ts`] as const),
  ["worker", "worker/aws/wiring.ts"] as const,
];

test.each(wirings)(
  "fails when %s opens an adapter without a permission of it, or is granted what no adapter of it asks",
  async (name, wiring) => {
    const show = ({ action, resource }: Permission) => `${action} ${resource}`;
    const granted = new Set(permissionsOf(name).map(show));
    const adapters = await findAdapters(wiring);
    // What has no table is what several adapters stand on.
    const without = adapters.filter(({ table }) => table.length > 0 && !table.some((one) => granted.has(show(one))));
    expect(without.map(({ path }) => path)).toEqual([]);
    const asked = new Set(adapters.flatMap(({ table }) => table.map(show)));
    expect([...granted].filter((one) => !asked.has(one))).toEqual([]);
  },
);
