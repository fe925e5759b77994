import { afterEach, beforeEach, expect, test } from "vitest";
import { ApiFixture } from "./api-fixture.ts";

let fixture: ApiFixture;
beforeEach(() => {
  fixture = new ApiFixture({ access: "keys" });
});
afterEach(() => fixture.close());

interface OpenApi {
  readonly paths: Record<string, Record<string, { parameters?: { name: string; in: string }[] }>>;
}

/** Everything of the other owner's that a path can name. */
const theirs: Record<string, string> = { id: "theirs", name: "out.wav", uploadId: "theirs", partNumber: "1" };

test("fails when any route that names a thing answers another owner with anything but 404, or changes the thing", async () => {
  const [mine, other] = [await fixture.createKey("local"), await fixture.createKey("acme")];
  const submitted = await fixture.request("POST", "/v1/jobs", {
    key: other,
    body: { jobId: "theirs", kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] },
  });
  expect(submitted.status).toBe(202);
  await fixture.world.settle();
  const before = await fixture.world.get({ owner: "acme", jobId: "theirs" });
  expect(before?.status).toBe("succeeded");

  const document = (await (await fixture.request("GET", "/openapi.json")).json()) as OpenApi;
  const crossed: string[] = [];
  for (const [template, methods] of Object.entries(document.paths)) {
    if (!template.includes("{")) continue;
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
      expect(theirs[name], `the test does not know {${name}} of ${template}`).toBeDefined();
      return theirs[name] ?? "";
    });
    for (const method of Object.keys(methods)) {
      const query = path.startsWith("/s3/") ? "?key=raw/acme/1/a.wav" : "";
      const body = method === "post" && path.startsWith("/s3/") ? { parts: [{ PartNumber: 1, ETag: "x" }] } : undefined;
      const response = await fixture.request(method.toUpperCase(), path + query, { key: mine, body });
      expect(response.status, `${method} ${path}`).toBe(404);
      crossed.push(`${method} ${template}`);
    }
  }
  expect(crossed.length).toBeGreaterThanOrEqual(5);
  expect(await fixture.world.get({ owner: "acme", jobId: "theirs" })).toEqual(before);
});

test("fails when a list shows another owner's jobs, or a cursor of one owner opens another's list", async () => {
  const [mine, other] = [await fixture.createKey("local"), await fixture.createKey("acme")];
  for (const id of ["a", "b", "c"]) {
    const body = { jobId: id, kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] };
    await fixture.request("POST", "/v1/jobs", { key: other, body });
  }
  expect(await (await fixture.request("GET", "/v1/jobs", { key: mine })).json()).toEqual({ jobs: [], next: null });
  const page = (await (await fixture.request("GET", "/v1/jobs?limit=1", { key: other })).json()) as { next: string };
  expect(page.next).not.toBeNull();
  const stolen = await fixture.request("GET", `/v1/jobs?limit=1&cursor=${page.next}`, { key: mine });
  expect(stolen.status).toBe(400);
});

test("fails when a file of another owner serves as an input, by key or by job", async () => {
  const [mine, other] = [await fixture.createKey("local"), await fixture.createKey("acme")];
  await fixture.request("POST", "/v1/jobs", {
    key: other,
    body: { jobId: "theirs", kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] },
  });
  await fixture.world.settle();
  const output = (await fixture.world.get({ owner: "acme", jobId: "theirs" }))?.outputs[0];
  for (const input of [{ key: "raw/acme/1/a.wav" }, { key: output?.key }, { jobId: "theirs", output: "out.wav" }]) {
    const response = await fixture.request("POST", "/v1/jobs", { key: mine, body: { kind: "clean", inputs: [input] } });
    expect(response.status, JSON.stringify(input)).toBe(404);
  }
});

test("fails when a request without a credential, with a wrong, expired or narrow one goes through", async () => {
  const body = { kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
  const good = await fixture.createKey("local");
  expect((await fixture.request("POST", "/v1/jobs", { body })).status).toBe(401);
  const forged = `${good.slice(0, -1)}${good.endsWith("A") ? "B" : "A"}`;
  expect((await fixture.request("POST", "/v1/jobs", { body, key: forged })).status).toBe(401);
  const reader = await fixture.createKey("local", ["jobs:read"]);
  expect((await fixture.request("POST", "/v1/jobs", { body, key: reader })).status).toBe(403);
  expect((await fixture.request("GET", "/v1/jobs", { key: reader })).status).toBe(200);
  const shortLived = await fixture.createKey("local", undefined, 1);
  fixture.world.nowMs += 2 * 86_400_000;
  expect((await fixture.request("GET", "/v1/jobs", { key: shortLived })).status).toBe(401);
  expect((await fixture.request("POST", "/v1/jobs", { body, key: good })).status).toBe(202);
});

test("fails when a key's secret is stored, or its last use is not", async () => {
  const key = await fixture.createKey("local");
  await fixture.request("GET", "/v1/jobs", { key });
  const [record] = await fixture.keys.list("local");
  expect(JSON.stringify(record)).not.toContain(key.split("_")[2]);
  expect(record?.lastUsedAt).not.toBeNull();
});

test("fails when an owner that asks too fast is not told when to come back, or holds up another", async () => {
  fixture.close();
  fixture = new ApiFixture({ access: "keys", rateLimit: { burst: 3, perSecond: 1 } });
  const [mine, other] = [await fixture.createKey("local"), await fixture.createKey("acme")];
  const statuses = [];
  for (let index = 0; index < 4; index++)
    statuses.push((await fixture.request("GET", "/v1/jobs", { key: mine })).status);
  expect(statuses).toEqual([200, 200, 200, 429]);
  const refused = await fixture.request("GET", "/v1/jobs", { key: mine });
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
  expect((await fixture.request("GET", "/v1/jobs", { key: other })).status).toBe(200);
  fixture.world.nowMs += 1_000;
  expect((await fixture.request("GET", "/v1/jobs", { key: mine })).status).toBe(200);
});
