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

const order = ["get", "put", "post", "delete"];

/** Things of acme's, one of each kind that a path can name. */
async function putTheirs(key: string): Promise<(template: string) => Record<string, string>> {
  const job = { jobId: "theirs", kind: "clean", inputs: [{ key: "raw/acme/1/a.wav" }] };
  expect((await fixture.request("POST", "/v1/jobs", { key, body: job })).status).toBe(202);
  await fixture.world.settle();
  const hook = await fixture.request("POST", "/v1/webhooks", { key, body: { url: "https://acme.example/" } });
  const { endpointId } = (await hook.json()) as { endpointId: string };
  const upload = await fixture.request("POST", "/s3/multipart", {
    key,
    body: { filename: "a.wav", type: "audio/wav" },
  });
  const { uploadId, key: objectKey } = (await upload.json()) as { uploadId: string; key: string };
  const now = "2026-11-01T00:00:00.000Z";
  await fixture.deps.webhooks.createDelivery({
    deliveryId: "msg_theirs",
    endpointId,
    owner: "acme",
    eventType: "job.queued.v1",
    payload: "{}",
    status: "failed",
    attempts: 1,
    nextAttemptAt: null,
    lastStatus: 500,
    lastError: null,
    createdAt: now,
    version: 1,
  });
  return (template) => ({
    id: template.includes("/deliveries/{id}") ? "msg_theirs" : template.includes("webhooks") ? endpointId : "theirs",
    name: "out.wav",
    uploadId,
    partNumber: "1",
    "?key": encodeURIComponent(objectKey),
  });
}

test("fails when any route that names a thing answers another owner with anything but 404, or changes the thing", async () => {
  const [mine, other] = [await fixture.createKey("local"), await fixture.createKey("acme")];
  const theirs = await putTheirs(other);
  const look = async () => [
    await fixture.world.get({ owner: "acme", jobId: "theirs" }),
    await fixture.deps.webhooks.listEndpoints("acme"),
    await fixture.deps.webhooks.getDelivery("acme", "msg_theirs"),
  ];
  const before = await look();
  expect(before[0]).toMatchObject({ status: "succeeded" });

  const document = (await (await fixture.request("GET", "/openapi.json")).json()) as OpenApi;
  const calls = Object.entries(document.paths)
    .filter(([template]) => template.includes("{"))
    .flatMap(([template, methods]) => Object.keys(methods).map((method) => ({ template, method })))
    .sort((a, b) => order.indexOf(a.method) - order.indexOf(b.method));
  const send = ({ template, method }: (typeof calls)[number], key: string) => {
    const known = theirs(template);
    const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
      expect(known[name], `the test does not know {${name}} of ${template}`).toBeDefined();
      return known[name] ?? "";
    });
    const parts = template.startsWith("/s3/");
    const body = method === "post" && parts ? { parts: [{ PartNumber: 1, ETag: "x" }] } : undefined;
    return fixture.request(method.toUpperCase(), path + (parts ? `?key=${known["?key"]}` : ""), { key, body });
  };
  expect(calls.length).toBeGreaterThanOrEqual(13);
  for (const call of calls) expect((await send(call, mine)).status, `${call.method} ${call.template}`).toBe(404);
  expect(await look()).toEqual(before);
  // Whose they are, they are there: so it is the owner that the 404s are about.
  for (const call of calls) {
    const { status } = await send(call, other);
    expect(status, `${call.method} ${call.template} by its owner`).not.toBe(404);
    expect(status).toBeLessThan(500);
  }
});

test("fails when stitch or mix take another owner's file", async () => {
  const mine = await fixture.createKey("local");
  const [own, theirs] = ["raw/local/1/a.wav", "raw/acme/1/a.wav"];
  for (const [path, body] of [
    ["/stitch", { message_parts: [own, theirs] }],
    ["/mix", { narration: theirs, music: own }],
    ["/mix", { narration: [own], music: theirs }],
  ] as const) {
    const response = await fixture.request("POST", path, { key: mine, body });
    expect(response.status, `${path} ${JSON.stringify(body)}`).toBe(404);
    expect(await response.json()).toMatchObject({ code: "input_not_found" });
  }
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
