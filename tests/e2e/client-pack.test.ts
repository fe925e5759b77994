import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
let home = "";
const installed = () => join(home, "node_modules/@mixdown/client");

// Unpacked as npm would, with react beside it and nothing else.
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "mixdown-client-pack-"));
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  execFileSync("npm", ["pack", "--pack-destination", home], { cwd: join(root, "client"), env, stdio: "pipe" });
  const tarball = readdirSync(home).find((name) => name.endsWith(".tgz")) ?? "";
  mkdirSync(installed(), { recursive: true });
  execFileSync("tar", ["-xzf", join(home, tarball), "--strip-components=1", "-C", installed()]);
  mkdirSync(join(home, "node_modules/@types"));
  for (const name of ["react", "csstype", "@types/react"]) {
    symlinkSync(join(root, "node_modules", name), join(home, "node_modules", name));
  }
  writeFileSync(join(home, "package.json"), `{ "type": "module" }`);
}, 300_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

test("fails when the package carries sources or tests, or lacks its license or declarations", () => {
  const files = readdirSync(installed(), { recursive: true }).map(String);
  expect(files).toEqual(expect.arrayContaining(["LICENSE", "README.md", "package.json"]));
  expect(files.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))).toEqual([]);
  const { exports, dependencies } = JSON.parse(readFileSync(join(installed(), "package.json"), "utf8"));
  expect(dependencies).toBeUndefined();
  for (const target of Object.values(exports) as { types: string; default: string }[]) {
    expect(files).toEqual(expect.arrayContaining([target.types.slice(2), target.default.slice(2)]));
  }
});

test("fails when an entry cannot be imported from the installed package", () => {
  const script = `
    const entries = await Promise.all(["", "/react", "/next", "/webhooks"].map((name) => import("@mixdown/client" + name)));
    console.log(JSON.stringify(entries.map((entry) => Object.keys(entry).sort())));
  `;
  writeFileSync(join(home, "entries.js"), script);
  expect(JSON.parse(execFileSync(process.execPath, [join(home, "entries.js")]).toString())).toEqual([
    ["MixdownApiError", "createClient", "isTerminal"],
    ["useJob", "useUpload"],
    ["createRouteHandler"],
    ["WebhookVerificationError", "verifyWebhook"],
  ]);
});

test("fails when the declarations do not stand alone, or say otherwise than the core", () => {
  const core = (path: string) => JSON.stringify(join(root, "core", path));
  writeFileSync(
    join(home, "types.ts"),
    `import { createClient, type ErrorCode, type JobRequest, type PublicJob } from "@mixdown/client";
     import { useJob, useUpload } from "@mixdown/client/react";
     import { createRouteHandler } from "@mixdown/client/next";
     import { verifyWebhook } from "@mixdown/client/webhooks";
     const client = createClient({ baseUrl: "http://localhost:4747" });
     export const job: Promise<PublicJob> = client.submit({ kind: "clean", inputs: [{ key: "k" }] } satisfies JobRequest);
     // @ts-expect-error no such kind
     export const wrong: JobRequest = { kind: "nothing", inputs: [] };
     // @ts-expect-error no such code
     export const code: ErrorCode = "nothing";
     export { createRouteHandler, useJob, useUpload, verifyWebhook };
    `,
  );
  writeFileSync(
    join(home, "same.ts"),
    `import type * as built from "@mixdown/client";
     import type { ErrorCode } from ${core("errors.ts")};
     import type { JobInput, JobOutput, JobRequest } from ${core("job.ts")};
     import type { CleanParams, MixParams, StitchParams } from ${core("kinds/index.ts")};
     import type { PublicJob } from ${core("public-job.ts")};
     type Same<A, B> = [A, B] extends [B, A] ? true : never;
     export const same: [
       Same<built.ErrorCode, ErrorCode>, Same<built.PublicJob, PublicJob>, Same<built.JobRequest, JobRequest>,
       Same<built.JobInput, JobInput>, Same<built.JobOutput, JobOutput>, Same<built.CleanParams, CleanParams>,
       Same<built.MixParams, MixParams>, Same<built.StitchParams, StitchParams>,
     ] = [true, true, true, true, true, true, true, true];
    `,
  );
  const check = (file: string, ...flags: readonly string[]) => {
    const shared = "--noEmit --strict --module nodenext --target es2022 --lib es2022,dom --ignoreConfig".split(" ");
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, ...shared, ...flags, join(home, file)], { cwd: home });
    return { status, text: stdout.toString() };
  };
  expect(check("types.ts", "--types", "react")).toEqual({ status: 0, text: "" });
  const types = ["--types", "node", "--typeRoots", join(root, "node_modules/@types")];
  expect(check("same.ts", "--allowImportingTsExtensions", "--skipLibCheck", ...types)).toEqual({ status: 0, text: "" });
});
