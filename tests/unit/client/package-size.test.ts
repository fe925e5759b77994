import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { EdgeVM } from "@edge-runtime/vm";
import { build } from "esbuild";
import { expect, test } from "vitest";

const client = fileURLToPath(new URL("../../../client/", import.meta.url));

async function bundle(entry: string, format: "esm" | "iife" = "esm"): Promise<{ code: string; inputs: string[] }> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: client,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    metafile: true,
    platform: "browser",
    format,
    globalName: "mixdown",
    external: ["react"],
  });
  return { code: outputFiles[0]?.text ?? "", inputs: Object.keys(metafile.inputs) };
}

/** Kilobytes of 1,000 bytes, as bundlers' reports have it. */
const sizes = { "index.ts": 15_000, "react.ts": 3_000, "next.ts": 6_000, "webhooks.ts": 3_000 } as const;

test.each(Object.entries(sizes))("fails when %s weighs more than %i bytes by gzip", async (entry, most) => {
  const { code } = await bundle(entry);
  expect(gzipSync(code).length).toBeLessThanOrEqual(most);
  expect(code.length).toBeGreaterThan(500);
});

test("fails when the client carries code of another folder or a package", async () => {
  for (const entry of Object.keys(sizes)) {
    const { inputs } = await bundle(entry);
    expect(inputs.filter((path) => path.includes("/"))).toEqual([]);
  }
});

test("fails when the client needs more than an edge runtime has", async () => {
  const { code } = await bundle("index.ts", "iife");
  const vm = new EdgeVM();
  vm.evaluate(code);
  const problem = JSON.stringify({ code: "usage_job_not_found", detail: "There is no job x.", title: "t", hint: "h" });
  const answered = await vm.evaluate(`
    const calls = [];
    const answer = async (url, init) => {
      calls.push(init.method + " " + url);
      if (url.endsWith("/v1/jobs/x")) return new Response(${JSON.stringify(problem)}, { status: 404 });
      if (url.includes("/events")) {
        const job = { jobId: "j", version: 2, phase: "publishing", progress: { percent: 100 }, status: "succeeded" };
        return new Response("event: job\\nid: 1\\ndata: " + JSON.stringify(job) + "\\n\\n", { headers: { "content-type": "text/event-stream" } });
      }
      if (init.method === "PUT") return new Response(null, { headers: { etag: "e" } });
      return Response.json({ key: "k", url: "http://files/1", headers: {} }, { status: 201 });
    };
    const client = mixdown.createClient({ baseUrl: "http://api/", fetch: answer });
    (async () => {
      const { key } = await client.upload(new Blob(["abc"]), { filename: "a.wav" });
      const error = await client.get("x").catch((thrown) => thrown);
      const job = await client.wait("j");
      return JSON.stringify({ key, code: error.code, status: job.status, calls });
    })()
  `);
  expect(JSON.parse(String(answered))).toEqual({
    key: "k",
    code: "usage_job_not_found",
    status: "succeeded",
    calls: [
      "POST http://api/v1/uploads",
      "PUT http://files/1",
      "GET http://api/v1/jobs/x",
      "GET http://api/v1/jobs/j/events",
    ],
  });
});
