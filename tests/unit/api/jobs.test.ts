import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { PublicJob } from "../../../core/public-job.ts";
import { ApiFixture } from "./api-fixture.ts";

let fixture: ApiFixture;
beforeEach(() => {
  fixture = new ApiFixture();
});
afterEach(() => fixture.close());

const clean = (jobId?: string) => ({
  ...(jobId === undefined ? {} : { jobId }),
  kind: "clean",
  inputs: [{ key: "raw/local/1/a.wav" }],
});
const submit = (body: unknown, headers: Record<string, string> = {}) =>
  fixture.request("POST", "/v1/jobs", { body, headers });
const getJob = async (id: string): Promise<PublicJob> =>
  (await (await fixture.request("GET", `/v1/jobs/${id}`)).json()) as PublicJob;

/** The events of a stream, as they come, until it ends. */
async function readEvents(response: Response): Promise<{ id: string; job: PublicJob }[]> {
  const text = await response.text();
  return text
    .split("\n\n")
    .filter((block) => block.includes("data: "))
    .map((block) => {
      const field = (name: string) =>
        block
          .split("\n")
          .find((line) => line.startsWith(`${name}: `))
          ?.slice(name.length + 2) ?? "";
      return { id: field("id"), job: JSON.parse(field("data")) as PublicJob };
    });
}

test("fails when a submitted job does not say where it is, or shows the platform's bookkeeping", async () => {
  const response = await submit(clean("j"));
  expect(response.status).toBe(202);
  expect(response.headers.get("location")).toBe("/v1/jobs/j");
  const job = (await response.json()) as Record<string, unknown>;
  expect(job).toMatchObject({ jobId: "j", status: "queued", phase: "waiting", params: { loudnessLufs: -16 } });
  for (const hidden of ["payloadHash", "launchNumber", "taskId"]) expect(job).not.toHaveProperty(hidden);
});

test("fails when an Idempotency-Key makes a second job, or another payload under it is not refused", async () => {
  const first = (await (await submit(clean(), { "idempotency-key": "k1" })).json()) as PublicJob;
  const again = (await (await submit(clean(), { "idempotency-key": "k1" })).json()) as PublicJob;
  expect(again.jobId).toBe(first.jobId);
  const other = await submit({ ...clean(), params: { loudnessLufs: -20 } }, { "idempotency-key": "k1" });
  expect(other.status).toBe(422);
  expect(await other.json()).toMatchObject({ code: "idempotency_mismatch" });
});

test("fails when a dry run writes anything, or refuses less than a real one", async () => {
  const response = await fixture.request("POST", "/v1/jobs?dryRun=true", { body: clean("j") });
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({ lane: "embedded", size: "S", inputBytes: 1 });
  expect(await fixture.world.active()).toEqual([]);
  const missing = { kind: "clean", inputs: [{ key: "raw/local/1/none.wav" }] };
  expect((await fixture.request("POST", "/v1/jobs?dryRun=true", { body: missing })).status).toBe(404);
});

test("fails when a waiting job does not say what for, since when, and what happens next", async () => {
  await submit(clean("source"));
  await submit({ jobId: "next", kind: "stitch", inputs: [{ jobId: "source", output: "out.wav" }] });
  const queuedAt = (await getJob("source")).createdAt;
  const turn = { reason: "worker", since: queuedAt, next: expect.stringContaining("turn") };
  expect((await getJob("source")).waitsFor).toEqual(turn);
  await fixture.world.invoke();
  expect((await getJob("source")).waitsFor).toEqual({ ...turn, next: expect.stringContaining("is starting") });
  expect((await getJob("next")).waitsFor).toMatchObject({
    reason: "input",
    jobId: "source",
    since: expect.any(String),
    next: expect.stringContaining("starts when"),
  });
  await fixture.world.settle();
  expect([(await getJob("source")).waitsFor, (await getJob("next")).waitsFor]).toEqual([null, null]);
});

test("fails when a stream does not end with the terminal state, or a watcher that saw it sees it again", async () => {
  await submit(clean("j"));
  const streaming = fixture.request("GET", "/v1/jobs/j/events");
  await fixture.world.settle();
  const events = await readEvents(await streaming);
  expect(events.at(-1)?.job.status).toBe("succeeded");
  expect(events.filter((event) => event.job.status === "succeeded")).toHaveLength(1);
  const last = events.at(-1)?.id ?? "";
  const again = await fixture.request("GET", "/v1/jobs/j/events", { headers: { "last-event-id": last } });
  expect(again.status).toBe(204);
});

test("fails when a watcher that comes back with an old event id misses the end", async () => {
  await submit(clean("j"));
  await fixture.world.settle();
  const events = await readEvents(
    await fixture.request("GET", "/v1/jobs/j/events", { headers: { "last-event-id": "1-waiting-0" } }),
  );
  expect(events.map((event) => event.job.status)).toEqual(["succeeded"]);
});

test("fails when an output cannot be had, or one that is gone is not 410 with the way to make it again", async () => {
  await submit(clean("j"));
  expect((await fixture.request("GET", "/v1/jobs/j/outputs/out.wav")).status).toBe(404);
  await fixture.world.settle();
  expect(await (await fixture.request("GET", "/v1/jobs/j/outputs/out.wav")).json()).toMatchObject({
    url: expect.any(String),
  });
  const redirect = await fixture.request("GET", "/v1/jobs/j/outputs/out.wav?redirect=1");
  expect([redirect.status, redirect.headers.get("location")]).toEqual([302, expect.stringContaining("https://")]);
  for (const output of (await getJob("j")).outputs) fixture.world.objects.delete(output.key);
  const gone = await fixture.request("GET", "/v1/jobs/j/outputs/out.wav");
  expect(gone.status).toBe(410);
  expect(await gone.json()).toMatchObject({
    code: "output_expired",
    detail: expect.stringContaining("/v1/jobs/j/retry"),
  });
  expect((await fixture.request("POST", "/v1/jobs/j/retry")).status).toBe(202);
});

test("fails when /stitch does not answer 200 with a URL when done in time, 202 with the job else, and cached on a repeat", async () => {
  const body = { message_parts: ["raw/local/1/a.wav"], gapMs: 3 };
  const late = await fixture.request("POST", "/stitch", { body });
  expect(late.status).toBe(202);
  await fixture.world.settle();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const pumping = (async () => {
    while ((await Promise.race([over, sleep(2, "on")])) === "on") await fixture.world.settle();
  })();
  const done = await fixture.request("POST", "/stitch", { body });
  end();
  await pumping;
  expect(done.status).toBe(200);
  expect(await done.json()).toMatchObject({ public_url: expect.stringContaining("https://"), cached: true });
});

test("fails when a page of jobs repeats or misses one while new ones arrive", async () => {
  for (let index = 0; index < 7; index++) {
    await submit(clean(`j${index}`));
    fixture.world.nowMs += 1_000;
  }
  const seen: string[] = [];
  for (let next: string | null = ""; next !== null; ) {
    const page = (await (
      await fixture.request("GET", `/v1/jobs?limit=3${next === "" ? "" : `&cursor=${next}`}`)
    ).json()) as {
      jobs: PublicJob[];
      next: string | null;
    };
    seen.push(...page.jobs.map((job) => job.jobId));
    next = page.next;
    await submit(clean(`late${seen.length}`));
    fixture.world.nowMs += 1_000;
  }
  expect(seen).toEqual(["j6", "j5", "j4", "j3", "j2", "j1", "j0"]);
});

test("fails when the OpenAPI document is not 3.1, or a route answers what it does not document", async () => {
  const document = (await (await fixture.request("GET", "/openapi.json")).json()) as {
    openapi: string;
    paths: Record<string, Record<string, { responses: object }>>;
  };
  expect(document.openapi).toMatch(/^3\.1/);
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      expect(Object.keys(route.responses), `${method} ${path}`).toEqual(
        expect.arrayContaining(["400", "401", "429", "500"]),
      );
    }
  }
  expect((await fixture.request("GET", "/docs")).status).toBe(200);
});
