import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { z } from "zod";
import { errorTable } from "../core/errors.ts";
import { estimateSchema } from "../core/estimate.ts";
import { jobInputSchema, jobOutputSchema, jobRequestSchema, phaseSchema, statusSchema } from "../core/job.ts";
import { kindNames, kinds } from "../core/kinds/index.ts";
import { publicJobSchema } from "../core/public-job.ts";
import { type JsonSchema, schemaToType } from "./schema-to-type.ts";

/**
 * Builds the client into client/dist/: JavaScript for every engine of the last years, and declarations that stand
 * alone, with the core's types written out from the schemas themselves.
 */
const root = fileURLToPath(new URL("..", import.meta.url));
const dist = join(root, "client/dist");
const scratch = mkdtempSync(join(tmpdir(), "mixdown-client-"));

/** The same names as client/types.ts. */
function buildTypes(): string {
  const shape = (schema: z.ZodType, io: "input" | "output"): string =>
    schemaToType(z.toJSONSchema(schema, { io, reused: "inline", unrepresentable: "any" }) as JsonSchema);
  const types: Record<string, string> = {
    ErrorCode: Object.keys(errorTable)
      .map((code) => JSON.stringify(code))
      .join(" | "),
    Estimate: shape(estimateSchema, "output"),
    JobInput: shape(jobInputSchema, "output"),
    JobOutput: shape(jobOutputSchema, "output"),
    JobPhase: shape(phaseSchema, "output"),
    JobRequest: shape(jobRequestSchema, "input"),
    JobStatus: shape(statusSchema, "output"),
    CleanParams: shape(kinds.clean.params, "output"),
    KindName: kindNames.map((name) => JSON.stringify(name)).join(" | "),
    MixParams: shape(kinds.mix.params, "output"),
    StitchParams: shape(kinds.stitch.params, "output"),
    PublicJob: shape(publicJobSchema, "output"),
  };
  return Object.entries(types)
    .map(([name, type]) => `export type ${name} = ${type};\n`)
    .join("");
}

try {
  rmSync(dist, { recursive: true, force: true });
  await build({
    absWorkingDir: join(root, "client"),
    entryPoints: ["index.ts", "react.ts", "next.ts", "webhooks.ts"],
    outdir: dist,
    bundle: true,
    splitting: true,
    chunkNames: "chunk-[hash]",
    format: "esm",
    platform: "neutral",
    target: "es2022",
    external: ["react"],
    // The hooks are for the browser's half of a React app only; Next wants that said at the top of the file.
    plugins: [
      {
        name: "use-client",
        setup: (setup) =>
          setup.onLoad({ filter: /client[/\\]react\.ts$/ }, ({ path }) => ({
            contents: `"use client";\n${readFileSync(path, "utf8")}`,
            loader: "ts",
          })),
      },
    ],
  });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const flags = "--noEmit false --declaration --emitDeclarationOnly --stripInternal".split(" ");
  execFileSync(
    process.execPath,
    [tsc, "-p", join(root, "client/tsconfig.json"), ...flags, "--rootDir", root, "--outDir", scratch],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  writeFileSync(join(scratch, "client/types.d.ts"), buildTypes());
  for (const name of readdirSync(join(scratch, "client"))) {
    const text = readFileSync(join(scratch, "client", name), "utf8");
    writeFileSync(join(dist, name), text.replace(/(from "\.\/[^"]+)\.ts"/g, '$1.js"'));
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
