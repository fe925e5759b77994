import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { EmbeddedFixture } from "../e2e/embedded-fixture.ts";
import { launchChromium } from "./chromium-fixture.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const env = {
  ...process.env,
  // Ours first: the machine's own Node may be older than what Next.js and the packages ask for.
  PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  NEXT_TELEMETRY_DISABLED: "1",
  NODE_ENV: "production" as const,
};
let home = "";
let app = "";
let checked = { status: null as number | null, text: "" };
let built = { status: null as number | null, text: "" };

const run = (command: string, args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: app, env, encoding: "utf8" });
  return { status, text: `${stdout}\n${stderr}` };
};

// As a stranger would: the packed client, the registry's packages, no checkout around it.
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "mixdown-next-"));
  app = join(home, "app");
  const own = /node_modules|\.next|next-env|package-lock/;
  cpSync(join(root, "examples/nextjs"), app, { recursive: true, filter: (path) => !own.test(path.slice(root.length)) });
  const quiet = ["--no-audit", "--no-fund"];
  execFileSync("npm", ["pack", "--pack-destination", home], { cwd: join(root, "client"), env, stdio: "pipe" });
  const tarball = readdirSync(home).find((name) => name.endsWith(".tgz")) ?? "";
  execFileSync("npm", ["install", ...quiet, "--include=dev", "--prefer-offline", join(home, tarball)], {
    cwd: app,
    env,
    stdio: "pipe",
  });
  built = run(process.execPath, ["node_modules/next/dist/bin/next", "build"]);
  checked = run(process.execPath, ["node_modules/typescript/bin/tsc", "--noEmit"]);
}, 600_000);
afterAll(() => rmSync(home, { recursive: true, force: true }));

let fixture: EmbeddedFixture;
let browser: Browser;
let next: ChildProcess | undefined;
beforeEach(async () => {
  fixture = await EmbeddedFixture.open();
  browser = await launchChromium();
});
afterEach(async () => {
  await browser.close();
  if (next !== undefined && next.exitCode === null && next.signalCode === null) {
    next.kill("SIGKILL");
    await once(next, "close");
  }
  await fixture.close();
});

/** `next start` on any free port. */
async function startNext(platformUrl: string): Promise<string> {
  const child = spawn(process.execPath, ["node_modules/next/dist/bin/next", "start", "-p", "0", "-H", "127.0.0.1"], {
    cwd: app,
    // Marked as the platform is, so that what is left of it is found.
    env: { ...env, MIXDOWN_URL: platformUrl, MIXDOWN_DATA: fixture.dataDir },
    stdio: ["ignore", "pipe", "pipe"],
  });
  next = child;
  let text = "";
  return new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
        const url = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(text)?.[0];
        if (url !== undefined && text.includes("Ready")) resolve(url);
      });
    }
    child.once("close", () => reject(new Error(`next start ended: ${text}`)));
  });
}

test("fails when the example does not type-check or build with the packed client", () => {
  expect(built.text).toContain("/api/mixdown/[...path]");
  expect(built.status, built.text).toBe(0);
  expect(checked.status, checked.text).toBe(0);
});

test("fails when a visitor does not see a recording go up, being cleaned, and come back", async () => {
  const { text } = await fixture.start();
  const platformUrl = /http:\/\/[\w.]+:\d+/.exec(text)?.[0] ?? "";
  const url = await startNext(platformUrl);
  const recording = join(fixture.dataDir, "talk.wav");
  spawnSync("sox", ["-n", "-r", "48000", "-c", "1", recording, "synth", "60", "pinknoise", "vol", "0.1"]);

  const page = await browser.newPage();
  const apiCalls: string[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/v1/")) apiCalls.push(request.url());
  });
  await page.goto(url);
  // What the page says on the way, kept by the page itself: it may change faster than we can look.
  await page.evaluate(() => {
    const { document, MutationObserver } = globalThis as unknown as {
      document: { body: unknown; querySelector(selector: string): { textContent: string } | null };
      MutationObserver: new (seen: () => void) => { observe(target: unknown, options: object): void };
    };
    const said: string[] = [];
    Object.assign(globalThis, { said });
    const note = () => {
      const status = document.querySelector("[role=status]")?.textContent;
      if (status !== undefined && said.at(-1) !== status) said.push(status);
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  await page.setInputFiles("input[type=file]", recording);
  const link = page.getByRole("link", { name: /^Download / });
  await link.waitFor({ timeout: 120_000 });
  const said = await page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  expect(said.some((status) => status.startsWith("running"))).toBe(true);
  expect(said.at(-1)).toMatch(/^succeeded/);
  expect(apiCalls.filter((call) => !call.startsWith(`${url}/api/mixdown/`))).toEqual([]);

  const [job] = (await fixture.platform.jobs.list("local", { limit: 10 })).jobs;
  expect(job?.metadata.userId).toMatch(/^[0-9a-f-]{36}$/);
  const result = await fetch((await link.getAttribute("href")) ?? "");
  expect((await result.arrayBuffer()).byteLength).toBe(job?.outputs[0]?.sizeBytes);

  const stranger = await browser.newContext();
  const other = await stranger.newPage();
  await other.goto(url);
  const status = await other.evaluate(
    async (jobId) => (await fetch(`/api/mixdown/v1/jobs/${jobId}`)).status,
    job?.jobId ?? "",
  );
  expect(status).toBe(404);
});

test("fails when the built pages name the server's settings", () => {
  const pages = readdirSync(join(app, ".next/static"), { recursive: true, withFileTypes: true });
  const scripts = pages.filter((entry) => entry.isFile() && entry.name.endsWith(".js"));
  expect(scripts.length).toBeGreaterThan(0);
  for (const { parentPath, name } of scripts) {
    expect(readFileSync(join(parentPath, name), "utf8")).not.toContain("MIXDOWN_KEY");
  }
});
