import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { cancel } from "../../core/cancel.ts";
import { EmbeddedFixture } from "./embedded-fixture.ts";

let fixture: EmbeddedFixture;
beforeEach(async () => {
  fixture = await EmbeddedFixture.open();
});
afterEach(() => fixture.close());

const stitch = (jobId: string, ...inputs: object[]) => ({ jobId, kind: "stitch", inputs });
const running = (job: { status: string; phase: string }) => job.status === "running" && job.phase === "processing";

test("fails when Ctrl-C on the platform uses up the running job's attempt, or leaves a process", async () => {
  await fixture.putNoise("raw/local/1/long.wav", 600);
  const first = await fixture.start();
  await fixture.submit(stitch("long", { key: "raw/local/1/long.wav" }));
  await fixture.until("long", running);
  first.kill("SIGINT");
  await once(first, "close");
  expect(await fixture.quiet(2_000)).toEqual([]);
  expect(await fixture.get("long")).toMatchObject({ status: "queued", attempt: 2, handBacks: 1 });
  const second = await fixture.start();
  expect(await fixture.ended("long")).toMatchObject({ status: "succeeded", attempt: 2 });
  second.kill("SIGTERM");
  await once(second, "close");
  expect(second.exitCode).toBe(143);
});

test("fails when a second platform works on the same folder, or does not say what to do", async () => {
  await fixture.start();
  const second = await fixture.start();
  expect(second.exitCode).toBe(2);
  expect(second.text).toContain("--data");
  expect(second.text.trim().split("\n").length).toBeLessThanOrEqual(2);
});

test("fails when a canceled job goes on, or its ffmpeg does", async () => {
  await fixture.putNoise("raw/local/1/long.wav", 600);
  await fixture.start();
  await fixture.submit(stitch("long", { key: "raw/local/1/long.wav" }));
  await fixture.until("long", running);
  await cancel(fixture.platform, { owner: "local", jobId: "long" });
  expect(await fixture.ended("long")).toMatchObject({ status: "canceled", outputs: [] });
  await expect
    .poll(() => fixture.processes().filter((command) => command.includes("ffmpeg")), { timeout: 2_000 })
    .toEqual([]);
});

test("fails when equal jobs that are submitted at once are processed twice", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 3);
  await fixture.start();
  const ids = ["x", "y", "z"];
  await Promise.all(ids.map((id) => fixture.submit(stitch(id, { key: "raw/local/1/a.wav" }))));
  const jobs = await Promise.all(ids.map((id) => fixture.ended(id)));
  expect(jobs.map((job) => job.status)).toEqual(["succeeded", "succeeded", "succeeded"]);
  expect(jobs.filter((job) => job.cached)).toHaveLength(2);
  expect(readdirSync(join(fixture.dataDir, "objects", "outputs"))).toHaveLength(1);
});

test("fails when a job does not take another's output, or runs before it is there", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 2);
  await fixture.start();
  await fixture.submit(stitch("source", { key: "raw/local/1/a.wav" }));
  await fixture.submit(
    stitch("twice", { jobId: "source", output: "stitched.wav" }, { jobId: "source", output: "stitched.wav" }),
  );
  const [source, twice] = [await fixture.ended("source"), await fixture.ended("twice")];
  expect(twice).toMatchObject({ status: "succeeded", outputs: [{ durationSeconds: 4 }, {}, {}] });
  expect(Date.parse(twice.startedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(source.finishedAt ?? ""));
});

test("fails when a foreign message does not come back as a processed file, or a bad one is not kept with its reason", async () => {
  await fixture.putNoise("uploads/talk.wav", 2);
  await fixture.start();
  const send = (body: string, groupId: string) => fixture.platform.queue.send({ body, groupId, deduplicationId: body });
  await send("{not json", "g1");
  await send(JSON.stringify({ job_id: "order-1", kind: "stitch", inputs: [{ key: "uploads/talk.wav" }] }), "g1");
  expect(await fixture.ended("order-1")).toMatchObject({ status: "succeeded" });
  expect(await fixture.platform.deadLetters.list()).toMatchObject([
    { body: "{not json", reason: expect.stringContaining("JSON") },
  ]);
});

test("fails when a job that was submitted while no platform ran does not start within a second of the next start", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 1);
  await fixture.submit(stitch("early", { key: "raw/local/1/a.wav" }));
  await fixture.start();
  const ready = Date.now();
  const job = await fixture.ended("early");
  expect(job.status).toBe("succeeded");
  // Twice the bar: machines that test are busy.
  expect(Date.parse(job.launchedAt ?? "") - ready).toBeLessThan(2_000);
});

test("fails when twenty jobs at once do not all end, or more run at a time than there are workers", async () => {
  await fixture.putNoise("raw/local/1/a.wav", 1);
  await fixture.start();
  const ids = Array.from({ length: 20 }, (_, index) => `job-${index}`);
  for (const [index, id] of ids.entries()) {
    await fixture.submit({ ...stitch(id, { key: "raw/local/1/a.wav" }), params: { gapMs: index } });
  }
  const jobs = await Promise.all(ids.map((id) => fixture.until(id, (job) => job.finishedAt !== null, 120_000)));
  expect(jobs.every((job) => job.status === "succeeded")).toBe(true);
  const atOnce = jobs.map(
    ({ startedAt: at }) =>
      jobs.filter((job) => (job.startedAt ?? "") <= (at ?? "") && (at ?? "") < (job.finishedAt ?? "")).length,
  );
  expect(Math.max(...atOnce)).toBe(2);
});
