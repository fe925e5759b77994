import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { EmbeddedFixture } from "../e2e/embedded-fixture.ts";
import { launchChromium, servePage } from "./chromium-fixture.ts";
import type { ClientPage } from "./client-page.ts";

let fixture: EmbeddedFixture;
let server: Awaited<ReturnType<EmbeddedFixture["start"]>>;
let site: Awaited<ReturnType<typeof servePage>>;
let browser: Browser;
let page: Page;
let baseUrl: string;
/** How many parts the page has sent. */
let partPuts: number;
const standingEnv = process.env.MIXDOWN_CORS_ORIGINS;

beforeEach(async () => {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL("client-page.ts", import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  site = await servePage(bundled.outputFiles[0]?.text ?? "");
  process.env.MIXDOWN_CORS_ORIGINS = site.origin;
  fixture = await EmbeddedFixture.open();
  server = await fixture.start();
  baseUrl = /http:\/\/[\w.]+:\d+/.exec(server.text)?.[0] ?? "";
  expect(baseUrl, server.text).not.toBe("");
  browser = await launchChromium();
  page = await browser.newPage();
  partPuts = 0;
  page.on("request", (request) => {
    if (request.method() === "PUT") partPuts += 1;
  });
  await page.goto(site.origin);
});
afterEach(async () => {
  await browser.close();
  await site.close();
  await fixture.close();
  if (standingEnv === undefined) delete process.env.MIXDOWN_CORS_ORIGINS;
  else process.env.MIXDOWN_CORS_ORIGINS = standingEnv;
});

test("fails when a page of another origin cannot stop an upload in parts and resume it with progress", async () => {
  const { key, sha256, first, second } = await page.evaluate(
    ([to, size]) => (globalThis as unknown as ClientPage).uploadTwice(to, size),
    [baseUrl, 32] as const,
  );
  const stored = join(fixture.dataDir, "stored");
  await fixture.platform.objects.getFile(key, stored);
  expect(createHash("sha256").update(readFileSync(stored)).digest("hex")).toBe(sha256);
  // Within parts too, as only XMLHttpRequest tells: 7 parts make more steps than parts.
  expect(first.length).toBeGreaterThan(4);
  expect(second.at(-1)).toBe(100);
  // Seven parts, and at the most the two that were on their way a second time.
  expect(partPuts).toBeLessThanOrEqual(9);
});

test("fails when a page does not see a job's one end, with the server killed in between", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 60);
  await fixture.submit({ jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] });
  const watching = page.evaluate(([to, jobId]) => (globalThis as unknown as ClientPage).watch(to, jobId), [
    baseUrl,
    "j",
  ] as const);
  await fixture.until("j", (job) => job.status === "running");
  server.kill("SIGKILL");
  await sleep(500);
  await fixture.start(Number(new URL(baseUrl).port));
  const seen = await watching;
  expect(seen.filter((status) => status === "succeeded")).toHaveLength(1);
  expect(seen.at(-1)).toBe("succeeded");
});
