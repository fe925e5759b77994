import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { findStaleAllowances, findViolations, type ProductFile } from "./architecture/rules.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const notOurs = new Set(["node_modules", "dist", "coverage"]);

function* findModules(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (notOurs.has(entry.name) || entry.name.startsWith(".")) continue;
    if (entry.isDirectory()) yield* findModules(path);
    else if (/\.[cm]?[jt]sx?$/.test(entry.name)) yield path;
  }
}

const files: readonly ProductFile[] = [...findModules("")].map((path) => ({
  path,
  text: readFileSync(join(root, path), "utf8"),
}));

test("fails when a file breaks the house's import table, names or sizes", () => {
  expect(files.flatMap(findViolations)).toEqual([]);
});

test("fails when an exception outlives its reason", () => {
  expect(findStaleAllowances(files)).toEqual([]);
});

test("fails if the walk misses the product", () => {
  const seen = new Set(files.map((file) => file.path.split("/")[0]));
  expect([...seen]).toEqual(expect.arrayContaining(["adapters", "cli", "config", "core", "tests", "worker"]));
});

const filler = (lines: number): string => "export const a = 1;\n".repeat(lines);

/** What each rule must refuse; a rule that lets its example pass guards nothing. */
const forbidden: readonly (readonly [string, string, string])[] = [
  ["core on the file system", "core/job.ts", `import { readFileSync } from "node:fs";`],
  ["core on a package", "core/job.ts", `import pino from "pino";`],
  ["core on an adapter", "core/job.ts", `import { open } from "../adapters/embedded/job-store.ts";`],
  ["core on the worker's types", "core/job.ts", `import type { Recipe } from "../worker/recipes/recipe.ts";`],
  ["core on the worker by an inline type", "core/job.ts", `import { type Recipe } from "../worker/recipes/recipe.ts";`],
  ["core on the worker by a type expression", "core/job.ts", `export type R = import("../worker/engine.ts").Engine;`],
  ["core on the worker by typeof import", "core/job.ts", `export type R = typeof import("../worker/engine.ts");`],
  ["core on config by re-export", "core/job.ts", `export * from "../config/embedded.ts";`],
  ["core on config by named re-export", "core/job.ts", `export { readTask } from "../config/embedded.ts";`],
  ["core on config by type re-export", "core/job.ts", `export type { EmbeddedConfig } from "../config/embedded.ts";`],
  ["core on config at run time", "core/job.ts", `const c = await import("../config/embedded.ts"); export { c };`],
  ["core on config by template", "core/job.ts", "export const c = await import(`../config/embedded.ts`);"],
  ["core on config by condition", "core/a.ts", `await import(x ? "./b.ts" : "../config/embedded.ts");`],
  ["core on config by require", "core/job.ts", `const c = require("../config/embedded.ts");`],
  ["core on config by import equals", "core/job.ts", `import c = require("../config/embedded.ts");`],
  ["core by a detour", "core/kinds/clean.ts", `import { a } from "../../core/../config/embedded.ts";`],
  ["a side effect", "core/job.ts", `import "../worker/main.ts";`],
  ["a computed target", "worker/main.ts", "await import(path);"],
  ["an import in the middle of a file", "core/a.ts", `const a = "import x from 'y'";\nimport b from "../cli/b.ts";`],
  ["config on the worker", "config/dev.ts", `import { a } from "../worker/engine.ts";`],
  ["an adapter on its sibling", "adapters/embedded/job-queue.ts", `import { a } from "./job-store.ts";`],
  [
    "an adapter on a file of its sibling",
    "adapters/embedded/job-queue.ts",
    `import { a } from "./transfers/token.ts";`,
  ],
  ["an adapter's file on its sibling", "adapters/embedded/transfers/token.ts", `import { a } from "../job-store.ts";`],
  ["an adapter on its sibling's types", "adapters/aws/job-queue.ts", `import type { A } from "./job-store.ts";`],
  ["an adapter on another place's", "adapters/aws/queue.ts", `import { a } from "../embedded/database.ts";`],
  ["an adapter on config", "adapters/embedded/queue.ts", `import type { A } from "../../config/embedded.ts";`],
  ["an embedded adapter on a package", "adapters/embedded/queue.ts", `import sqlite from "better-sqlite3";`],
  ["the worker on an adapter", "worker/engine.ts", `import { a } from "../adapters/embedded/clock.ts";`],
  ["the worker on the CLI", "worker/wiring.ts", `import { a } from "../cli/wiring.ts";`],
  ["the API on config", "api/app.ts", `import { a } from "../config/dev.ts";`],
  ["a handler on an adapter", "functions/launch/handler.ts", `import { a } from "../../adapters/aws/queue.ts";`],
  ["a function on the worker", "functions/launch/wiring.ts", `import { a } from "../../worker/engine.ts";`],
  ["a stack on a handler", "stacks/jobs.ts", `import { handler } from "../functions/launch/handler.ts";`],
  ["a stack on the core's job", "stacks/jobs.ts", `import { jobSchema } from "../core/job.ts";`],
  ["the client on the core at run time", "client/jobs.ts", `import { jobSchema } from "../core/job.ts";`],
  ["the client on the core inline", "client/jobs.ts", `import { type Job } from "../core/job.ts";`],
  ["the client on zod", "client/jobs.ts", `import { z } from "zod";`],
  ["the CLI on an adapter", "cli/submit.ts", `import { a } from "../adapters/embedded/job-store.ts";`],
  ["the CLI on a stack", "cli/dev.ts", `import { a } from "../stacks/jobs.ts";`],
  ["the console on the core", "console/app.tsx", `import type { Job } from "../core/job.ts";`],
  ["a product file on a test", "cli/dev.ts", `import { a } from "../tests/media/media-fixtures.ts";`],
  ["the app on a function", "main.ts", `import { a } from "./functions/launch/handler.ts";`],
  ["an import map", "core/job.ts", `import { a } from "#config";`],
  ["the AWS SDK in the worker", "worker/wiring.ts", `import { S3Client } from "@aws-sdk/client-s3";`],
  ["the AWS SDK's types in a stack", "stacks/a.ts", `import type { S3Client } from "@aws-sdk/client-s3";`],
  ["the AWS SDK in a function", "functions/a/handler.ts", `await import("@aws-sdk/client-sqs");`],
  ["cdktn in the CLI", "cli/deploy.ts", `import { App } from "cdktn";`],
  ["constructs in config", "config/dev.ts", `import { Construct } from "constructs";`],
  [
    "cdktn's bindings in an adapter",
    "adapters/aws/a.ts",
    `import { Q } from "@cdktn/provider-aws/lib/sqs-queue/index.js";`,
  ],
  ["process.env in the worker", "worker/wiring.ts", "export const a = process.env.HOME;"],
  ["process.env by brackets", "cli/main.ts", `export const a = process["env"]["HOME"];`],
  ["process.env by globalThis", "cli/main.ts", "export const a = globalThis.process.env.HOME;"],
  ["process.env taken apart", "cli/main.ts", "const { env } = process; export { env };"],
  ["process.env imported", "cli/main.ts", `import { env } from "node:process";`],
  ["process.env under another name", "cli/main.ts", `import p from "node:process"; export const a = p.env;`],
  ["utils", "core/utils.ts", ""],
  ["helpers of a test", "tests/unit/test-helpers.ts", ""],
  ["a manager", "worker/job-manager.ts", ""],
  ["a service", "core/jobService.ts", ""],
  ["a class that manages", "core/jobs.ts", "export class JobManager {}"],
  ["a name that is not kebab-case", "core/cacheKey.ts", ""],
  ["301 lines", "core/job.ts", filler(301)],
  ["60 lines of app", "main.ts", filler(60)],
  ["a room nobody planned", "lib/job.ts", ""],
  ["TypeScript among the images", "docker/entry.ts", ""],
];

test.each(forbidden)("fails when %s passes", (_what, path, text) => {
  expect(findViolations({ path, text })).toHaveLength(1);
});

const allowed: readonly (readonly [string, string, string])[] = [
  [
    "core on itself, zod and node:crypto",
    "core/a.ts",
    `import { z } from "zod"; import "node:crypto"; import "./b.ts";`,
  ],
  [
    "text that looks like an import",
    "core/a.ts",
    `export const a = 'import x from "../cli/b.ts"'; // import "../cli/b.ts"`,
  ],
  ["a property named env", "core/a.ts", "export const a = (o: { env: string }) => o.env;"],
  ["wiring on adapters", "worker/wiring.ts", `import { a } from "../adapters/embedded/clock.ts";`],
  ["a function's wiring on adapters", "functions/a/wiring.ts", `import { a } from "../../adapters/aws/a.ts";`],
  ["an adapter on the shared database", "adapters/embedded/a.ts", `import { a } from "./database.ts";`],
  ["an AWS adapter on its SDK", "adapters/aws/a.ts", `import { S3Client } from "@aws-sdk/client-s3";`],
  ["a stack on limits", "stacks/a.ts", `import { limits } from "../core/limits.ts"; import { App } from "cdktn";`],
  ["the client on the core's types", "client/a.ts", `import type { Job } from "../core/job.ts"; import "zod/mini";`],
  ["config reading the environment", "config/a.ts", "export const a = process.env.HOME;"],
  ["300 lines", "core/a.ts", filler(300)],
  ["a test on anything", "tests/unit/a.test.ts", `import { a } from "../../adapters/embedded/job-store.ts";`],
];

test.each(allowed)("fails when %s is refused", (_what, path, text) => {
  expect(findViolations({ path, text })).toEqual([]);
});
