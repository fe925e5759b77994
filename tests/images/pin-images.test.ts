import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { startOciRegistry } from "../cloud/oci-registry.ts";
import { follow } from "./image-engine.ts";

const script = fileURLToPath(new URL("../../scripts/pin-images.ts", import.meta.url));
const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;
const imageType = "application/vnd.oci.image.manifest.v1+json";
const indexType = "application/vnd.oci.image.index.v1+json";

/** Puts up an index of one empty image, as Debian's base is one of many. @returns its digest */
async function putBase(url: string): Promise<string> {
  const base = `${url}/v2/library/debian`;
  const config = JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [] } });
  const upload = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  const place = new URL(upload.headers.get("location") ?? "");
  place.searchParams.set("digest", digestOf(config));
  await put(place.href, config, "application/octet-stream");
  const describe = (text: string, mediaType: string) => ({ mediaType, digest: digestOf(text), size: text.length });
  const configType = "application/vnd.oci.image.config.v1+json";
  const shared = { schemaVersion: 2, layers: [], config: describe(config, configType) };
  const image = JSON.stringify({ ...shared, mediaType: imageType });
  await put(`${base}/manifests/${digestOf(image)}`, image, imageType);
  const manifests = [{ ...describe(image, imageType), platform: { architecture: "amd64", os: "linux" } }];
  const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests });
  await put(`${base}/manifests/bookworm-slim`, index, indexType);
  return digestOf(index);
}

async function put(url: string, body: string, type: string): Promise<void> {
  const answer = await fetch(url, { method: "PUT", body, headers: { "content-type": type } });
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}: ${await answer.text()}`);
}

function openFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "mixdown-pin-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function pin(...args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const run = follow(spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] }));
  return { code: await run.ended, said: run.said() };
}

test("fails when a base is not pinned to what a registry has", async ({ skip }) => {
  const registry = await startOciRegistry(true);
  if (typeof registry === "string") return skip(registry);
  onTestFinished(registry.close);
  const digest = await putBase(registry.url);
  const file = join(openFolder(), "base.lock");
  const { code, said } = await pin("--registry", registry.url, "--to", file);
  expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining(digest) });
  const image = `${new URL(registry.url).host}/library/debian:bookworm-slim`;
  expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ image, digest, pinnedAt: expect.stringMatching(/^20.*Z$/) });
});

test("fails when a registry that wants an account gets a lock written, or more than a sentence", async ({ skip }) => {
  const registry = await startOciRegistry();
  if (typeof registry === "string") return skip(registry);
  onTestFinished(registry.close);
  const file = join(openFolder(), "base.lock");
  const { code, said } = await pin("--registry", registry.url, "--to", file);
  expect(code).toBe(1);
  expect(said).toMatch(/^http\S+ wants an account; .*\.\n$/);
  expect(() => readFileSync(file)).toThrow("ENOENT");
});

test.each([
  [["--registry", "mirror"], "a URL is wanted"],
  [["--registry", "http://127.0.0.1:9"], "http://127.0.0.1:9 does not answer"],
  [["--mirror", "x"], "npm run images:pin"],
])("fails when %j is met by a stack trace", async (args, named) => {
  const { code, said } = await pin(...args, "--to", join(openFolder(), "base.lock"));
  expect(code).toBe(1);
  expect(said).toContain(named);
  expect(said).not.toContain("    at ");
});
