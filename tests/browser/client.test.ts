import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { ClientPage } from "./client-page.ts";
import { useBrowserPage } from "./page-fixture.ts";

/** How many parts the page has sent. */
let partPuts: number;
const used = useBrowserPage(new URL("client-page.ts", import.meta.url), (page) => {
  partPuts = 0;
  page.on("request", (request) => {
    if (request.method() === "PUT") partPuts += 1;
  });
});

test("fails when a page of another origin cannot stop an upload in parts and resume it with progress", async () => {
  const { key, sha256, first, second } = await used.page.evaluate(
    ([to, size]) => (globalThis as unknown as ClientPage).uploadTwice(to, size),
    [used.baseUrl, 32] as const,
  );
  const stored = join(used.fixture.dataDir, "stored");
  await used.fixture.platform.objects.getFile(key, stored);
  expect(createHash("sha256").update(readFileSync(stored)).digest("hex")).toBe(sha256);
  // Within parts too, as only XMLHttpRequest tells: 7 parts make more steps than parts.
  expect(first.length).toBeGreaterThan(4);
  expect(second.at(-1)).toBe(100);
  // Seven parts, and at the most the two that were on their way a second time.
  expect(partPuts).toBeLessThanOrEqual(9);
});

test("fails when a page does not see a job's one end, with the server killed in between", async () => {
  await used.fixture.putNoise("raw/local/1/a.wav", 60);
  await used.fixture.submit({ jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] });
  const watching = used.page.evaluate(([to, jobId]) => (globalThis as unknown as ClientPage).watch(to, jobId), [
    used.baseUrl,
    "j",
  ] as const);
  await used.fixture.until("j", (job) => job.status === "running");
  used.server.kill("SIGKILL");
  await sleep(500);
  await used.fixture.start(Number(new URL(used.baseUrl).port));
  const seen = await watching;
  expect(seen.filter((status) => status === "succeeded")).toHaveLength(1);
  expect(seen.at(-1)).toBe("succeeded");
});
