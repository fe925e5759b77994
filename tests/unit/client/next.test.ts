import { beforeEach, expect, test } from "vitest";
import { createRouteHandler } from "../../../client/next.ts";

const key = "mxd_01HZZZZZZZZZZZZZZZZZZZZZZZ_secret";
interface Seen {
  readonly call: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown> | null;
}
let seen: Seen[];
/** The platform's jobs, as far as the handler looks at them. */
const jobs: Record<string, object> = {
  mine: { jobId: "mine", metadata: { userId: "ann", note: "x" } },
  theirs: { jobId: "theirs", metadata: { userId: "bob" } },
  nobodys: { jobId: "nobodys", metadata: {} },
};
/** What the platform lists, by its own cursor. */
let pages: Record<string, { jobs: object[]; next: string | null }>;
beforeEach(() => {
  seen = [];
  pages = { "": { jobs: [], next: null } };
});

const platform: typeof fetch = async (input, init) => {
  const url = new URL(String(input));
  const body = typeof init?.body === "string" ? JSON.parse(init.body) : null;
  seen.push({ call: `${init?.method} ${url.pathname}${url.search}`, headers: new Headers(init?.headers), body });
  const [, , , jobId = "", rest] = url.pathname.split("/");
  if (url.pathname === "/v1/uploads") return Response.json({ key: `raw/local/1/${body.filename}` }, { status: 201 });
  if (url.pathname === "/v1/jobs" && init?.method === "GET") {
    return Response.json(pages[url.searchParams.get("cursor") ?? ""] ?? {}, { status: 200 });
  }
  if (url.pathname === "/stitch" || url.pathname === "/mix") {
    return Response.json({ jobId: "new", metadata: body.metadata }, { status: 202 });
  }
  if (url.pathname === "/v1/jobs") {
    const taken = jobs[body.jobId] ?? { jobId: "new", metadata: body.metadata };
    return Response.json(taken, { status: 202, headers: { "set-cookie": "a=b", "x-secret": key } });
  }
  if (rest === "events") return new Response("event: job\n\n", { headers: { "content-type": "text/event-stream" } });
  const job = jobs[jobId];
  if (url.pathname.startsWith("/v1/jobs/") && job === undefined) return Response.json({}, { status: 404 });
  return Response.json(job ?? {});
};

const { GET, POST, DELETE } = createRouteHandler({
  baseUrl: "https://mixdown.example/",
  key,
  fetch: platform,
  authorize: (request) => {
    const userId = request.headers.get("x-user");
    return userId === null ? null : { userId };
  },
});

function call(
  line: string,
  user: string | null,
  body?: object,
  headers: Record<string, string> = {},
): Promise<Response> {
  const [method = "", path = ""] = line.split(" ");
  const init = {
    method,
    headers: {
      ...(user === null ? {} : { "x-user": user }),
      "content-type": "application/json",
      cookie: "s=1",
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  };
  const handler = { GET, POST, DELETE }[method as "GET" | "POST" | "DELETE"];
  return handler(new Request(`https://app.example/api/mixdown${path}`, init));
}

async function begin(user: string): Promise<string> {
  const response = await call("POST /v1/uploads", user, { filename: "a.wav", contentType: "audio/wav", sizeBytes: 1 });
  return ((await response.json()) as { key: string }).key;
}
const submit = (user: string, inputs: object[], more: object = {}) =>
  call("POST /v1/jobs", user, { kind: "clean", inputs, ...more });

test("fails when the key does not reach the platform, or reaches the browser, or cookies the platform", async () => {
  const response = await submit("ann", [{ key: await begin("ann") }]);
  expect(response.status).toBe(202);
  expect([...response.headers.values()].join()).not.toContain(key);
  expect(response.headers.get("set-cookie")).toBeNull();
  expect(await response.text()).not.toContain(key);
  for (const { headers } of seen) {
    expect(headers.get("authorization")).toBe(`Bearer ${key}`);
    expect(headers.get("cookie")).toBeNull();
  }
});

test("fails when a job is not marked as the user's, or the user can choose the mark", async () => {
  const own = await begin("ann");
  await submit("ann", [{ key: own }], { metadata: { userId: "bob", title: "t" } });
  expect(seen.at(-1)?.body?.metadata).toEqual({ userId: "ann", title: "t" });
});

test.each([
  "GET /v1/jobs/ID",
  "GET /v1/jobs/ID/events",
  "GET /v1/jobs/ID/outputs/a.wav",
  "POST /v1/jobs/ID/cancel",
  "POST /v1/jobs/ID/retry",
])("fails when %s works on a job of somebody else, or not on one's own", async (line) => {
  expect((await call(line.replace("ID", "mine"), "ann")).status).toBe(200);
  const reached = seen.length;
  for (const id of ["theirs", "nobodys", "none"]) {
    const response = await call(line.replace("ID", id), "ann");
    expect(response.status).toBe(404);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(await response.json()).toMatchObject({ code: "usage_job_not_found", status: 404 });
  }
  // Looked at to know whose they are, and nothing more.
  expect(seen.slice(reached).map((one) => one.call)).toEqual(
    ["theirs", "nobodys", "none"].map((id) => `GET /v1/jobs/${id}`),
  );
});

test("fails when a job takes somebody else's upload, output or id", async () => {
  const [own, other] = [await begin("ann"), await begin("bob")];
  const refusedKeys = [other, "raw/local/1/a.wav", own.replace("/1/", "/1/../1/"), `out/local/theirs/${own}`];
  for (const taken of refusedKeys) expect((await submit("ann", [{ key: own }, { key: taken }])).status).toBe(404);
  expect((await submit("ann", [{ jobId: "theirs", output: "a.wav" }])).status).toBe(404);
  expect((await submit("ann", [{ jobId: "mine", output: "a.wav" }])).status).toBe(202);
  const collided = await submit("ann", [{ key: own }], { jobId: "theirs" });
  expect(collided.status).toBe(422);
  expect(await collided.text()).not.toContain("bob");
});

test("fails when parts of somebody else's upload can be read, signed, completed or removed", async () => {
  const [own, other] = [await begin("ann"), await begin("bob")];
  for (const line of [
    "GET /s3/multipart/u",
    "GET /s3/multipart/u/1",
    "POST /s3/multipart/u/complete",
    "DELETE /s3/multipart/u",
  ]) {
    const body = line.startsWith("POST") ? { parts: [] } : undefined;
    const at = (file: string) => call(`${line}?key=${encodeURIComponent(file)}`, "ann", body);
    expect((await at(own)).status).toBe(200);
    expect((await at(other)).status).toBe(404);
  }
});

test.each([
  "GET /stitch",
  "GET /v1/webhooks",
  "POST /v1/webhooks",
  "POST /mix/more",
  "GET /v1/jobs/mine/../theirs",
  "DELETE /v1/jobs/mine",
  "GET /",
])("fails when %s goes through", async (line) => {
  const response = await call(line, "ann", line.startsWith("POST") ? {} : undefined);
  expect(response.status).toBe(404);
});

test("fails when stitch or mix take somebody else's upload, or their job is not marked as the user's", async () => {
  const [own, other] = [await begin("ann"), await begin("bob")];
  const refused: readonly [string, object][] = [
    ["/stitch", { message_parts: [own, other] }],
    ["/stitch", { message_parts: [[own, other]] }],
    ["/mix", { narration: other, music: own }],
    ["/mix", { narration: [own, other], music: own }],
    ["/mix", { narration: own, music: other }],
  ];
  const reached = seen.length;
  for (const [path, body] of refused) {
    const response = await call(`POST ${path}`, "ann", body);
    expect(response.status, JSON.stringify(body)).toBe(404);
    expect(await response.json()).toMatchObject({ code: "input_not_found" });
  }
  expect(seen.length).toBe(reached);
  const metadata = { userId: "bob", title: "t" };
  expect((await call("POST /stitch", "ann", { message_parts: [own, own], gapMs: 5, metadata })).status).toBe(202);
  expect(seen.at(-1)).toMatchObject({
    call: "POST /stitch",
    body: { message_parts: [own, own], gapMs: 5, metadata: { userId: "ann", title: "t" } },
  });
  expect((await call("POST /mix", "ann", { narration: [own], music: own })).status).toBe(202);
  expect(seen.at(-1)?.body?.metadata).toEqual({ userId: "ann" });
});

test("fails when a list has somebody else's jobs, or misses one's own on a later page of the platform", async () => {
  const { mine, theirs, nobodys } = jobs as { mine: object; theirs: object; nobodys: object };
  pages = {
    "": { jobs: [theirs, mine], next: "c1" },
    c1: { jobs: [theirs, nobodys], next: "c2" },
    c2: { jobs: [mine], next: null },
  };
  const list = async (query: string, user = "ann") => call(`GET /v1/jobs${query}`, user);
  const first = await (await list("?status=queued&limit=2&owner=x")).json();
  expect(first.jobs).toEqual([mine]);
  expect(seen.at(-1)?.call).toBe("GET /v1/jobs?status=queued&limit=2");
  expect(JSON.stringify(first)).not.toContain("c1");
  const second = await (await list(`?limit=2&cursor=${first.next}`)).json();
  expect(second).toEqual({ jobs: [mine], next: null });
  expect(seen.slice(-2).map((one) => one.call)).toEqual([
    "GET /v1/jobs?limit=2&cursor=c1",
    "GET /v1/jobs?limit=2&cursor=c2",
  ]);
});

test("fails when a cursor is good for another user, or one of the platform's own is taken", async () => {
  const { mine } = jobs as { mine: object };
  pages = { "": { jobs: [mine], next: "c1" }, c1: { jobs: [mine], next: null } };
  const { next } = await (await call("GET /v1/jobs", "ann")).json();
  for (const [cursor, user] of [
    [next, "bob"],
    ["c1", "ann"],
    [next.replace(/.$/, (last: string) => (last === "0" ? "1" : "0")), "ann"],
    ["00", "ann"],
  ]) {
    const response = await call(`GET /v1/jobs?cursor=${cursor}`, user);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "invalid_cursor" });
  }
});

test("fails when a user whose jobs stand far back keeps the server looking for ever", async () => {
  const { theirs } = jobs as { theirs: object };
  pages = Object.fromEntries(
    Array.from({ length: 30 }, (_, page) => [page === 0 ? "" : `c${page}`, { jobs: [theirs], next: `c${page + 1}` }]),
  );
  const { jobs: found, next } = await (await call("GET /v1/jobs", "ann")).json();
  expect([found, seen.length]).toEqual([[], 5]);
  await call(`GET /v1/jobs?cursor=${next}`, "ann");
  expect(seen[5]?.call).toBe("GET /v1/jobs?cursor=c5");
});

test("fails when an app whose own route lies below a v1 is not served", async () => {
  const response = await GET(new Request("https://app.example/v1/api/v1/jobs/mine", { headers: { "x-user": "ann" } }));
  expect(response.status).toBe(200);
  expect(seen.at(-1)?.call).toBe("GET /v1/jobs/mine");
});

test("fails when a stranger, another site or a form gets through", async () => {
  expect((await call("GET /v1/jobs/mine", null)).status).toBe(401);
  expect((await call("GET /v1/jobs/mine", "ann", undefined, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await call("POST /v1/uploads", "ann", {}, { "content-type": "text/plain" })).status).toBe(415);
  expect(seen).toEqual([]);
});

test("fails when events are not passed on as they come, with the id to resume from", async () => {
  const response = await call("GET /v1/jobs/mine/events", "ann", undefined, {
    "last-event-id": "7",
    accept: "text/event-stream",
  });
  expect(response.headers.get("content-type")).toBe("text/event-stream");
  expect(await response.text()).toBe("event: job\n\n");
  expect(seen.at(-1)?.headers.get("last-event-id")).toBe("7");
});

test("fails when one user's idempotency key meets another's", async () => {
  const sent = async (user: string) => {
    const { status } = await call("POST /v1/jobs", user, { kind: "clean", inputs: [] }, { "idempotency-key": "k" });
    expect(status).toBe(202);
    return seen.at(-1)?.headers.get("idempotency-key");
  };
  expect(await sent("ann")).not.toBe(await sent("bob"));
  expect(await sent("ann")).toBe(await sent("ann"));
});

test("fails when a platform that is away is a fault of the app", async () => {
  const { GET: get } = createRouteHandler({
    baseUrl: "https://mixdown.example",
    fetch: () => Promise.reject(new TypeError("fetch failed")),
    authorize: () => ({ userId: "ann" }),
  });
  const response = await get(new Request("https://app.example/api/mixdown/v1/jobs/mine"));
  expect(response.status).toBe(502);
  expect(await response.json()).toMatchObject({ code: "platform_unreachable", retryable: true });
});
