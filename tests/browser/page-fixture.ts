import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { afterEach, beforeEach, expect } from "vitest";
import { EmbeddedFixture } from "../e2e/embedded-fixture.ts";
import { launchChromium, servePage } from "./chromium-fixture.ts";

/**
 * For each test: a platform, and a browser on a page of another origin that runs `script`. `watch` sees the page before it
 * loads.
 */
export function useBrowserPage(script: URL, watch: (page: Page, baseUrl: string) => void) {
  let fixture: EmbeddedFixture;
  let server: Awaited<ReturnType<EmbeddedFixture["start"]>>;
  let site: Awaited<ReturnType<typeof servePage>>;
  let browser: Browser;
  let page: Page;
  let baseUrl: string;
  const standingEnv = process.env.MIXDOWN_CORS_ORIGINS;

  beforeEach(async () => {
    const bundled = await build({
      entryPoints: [fileURLToPath(script)],
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
    watch(page, baseUrl);
    await page.goto(site.origin);
  });
  afterEach(async () => {
    await browser.close();
    await site.close();
    await fixture.close();
    if (standingEnv === undefined) delete process.env.MIXDOWN_CORS_ORIGINS;
    else process.env.MIXDOWN_CORS_ORIGINS = standingEnv;
  });
  return {
    get fixture() {
      return fixture;
    },
    get server() {
      return server;
    },
    get page() {
      return page;
    },
    get baseUrl() {
      return baseUrl;
    },
  };
}
