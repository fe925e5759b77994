import { PassThrough } from "node:stream";
import type { LambdaFunctionURLEvent } from "aws-lambda";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createHandler } from "../../../functions/stream/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { ApiFixture } from "../api/api-fixture.ts";

interface Prelude {
  readonly statusCode: number;
  readonly headers: Record<string, string>;
}
type StreamingHandler = (event: unknown, stream: PassThrough, context: unknown) => Promise<void>;

let fixture: ApiFixture;
let prelude: Prelude | undefined;

beforeEach(async () => {
  fixture = new ApiFixture({ access: "keys" });
  prelude = undefined;
  // What the runtime of a streaming function has beside Node's own.
  Object.assign(globalThis, {
    awslambda: {
      streamifyResponse: (handler: StreamingHandler) => handler,
      HttpResponseStream: {
        from: (stream: PassThrough, metadata: Prelude) => {
          prelude = metadata;
          return stream;
        },
      },
    },
  });
  await fixture.request("POST", "/v1/jobs", {
    key: await fixture.createKey("local"),
    body: { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] },
  });
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, "awslambda");
  fixture.close();
});

const call = (path: string, headers: Record<string, string>) => {
  const event = loadEvent<LambdaFunctionURLEvent>("http-api-request");
  Object.assign(event, { rawPath: path, rawQueryString: "" });
  Object.assign(event.requestContext.http, { path });
  Object.assign(event.headers, headers);
  const stream = new PassThrough();
  const handler = createHandler(fixture.deps, recordTelemetry()) as unknown as StreamingHandler;
  const ended = handler(event, stream, {});
  return { ended, text: async () => (await stream.toArray()).map(String).join("") };
};

test("fails when a job's states do not come as they happen, up to its end", async () => {
  const key = await fixture.createKey("local");
  const { ended, text } = call("/v1/jobs/j/events", { authorization: `Bearer ${key}` });
  const received = text();
  await fixture.world.settle();
  await ended;
  expect(prelude).toMatchObject({ statusCode: 200, headers: { "content-type": "text/event-stream" } });
  const statuses = [...(await received).matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1] ?? "").status);
  expect(statuses[0]).toBe("queued");
  expect(statuses.at(-1)).toBe("succeeded");
});

test("fails when a reader that comes back with the last event's id is sent it again", async () => {
  await fixture.world.settle();
  const key = await fixture.createKey("local");
  const first = call("/v1/jobs/j/events", { authorization: `Bearer ${key}` });
  const id = /^id: (.*)$/m.exec(await first.text())?.[1] ?? "";
  const again = call("/v1/jobs/j/events", { authorization: `Bearer ${key}`, "last-event-id": id });
  expect(await again.text()).toBe("");
  expect(prelude?.statusCode).toBe(204);
});

test("fails when the stream serves strangers, or more than streams", async () => {
  await call("/v1/jobs/j/events", {}).text();
  expect(prelude?.statusCode).toBe(401);
  const key = await fixture.createKey("local");
  await call("/v1/jobs", { authorization: `Bearer ${key}` }).text();
  expect(prelude?.statusCode).toBe(404);
});

test("fails when a stream outlives the function's fifteen minutes, or ends long before", async () => {
  fixture.close();
  fixture = new ApiFixture({ access: "keys", watchMs: 60_000 });
  const key = await fixture.createKey("local");
  const body = { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] };
  await fixture.request("POST", "/v1/jobs", { key, body });
  vi.useFakeTimers({ toFake: ["setTimeout", "setInterval", "clearTimeout", "clearInterval"] });
  try {
    const { ended, text } = call("/v1/jobs/j/events", { authorization: `Bearer ${key}` });
    let over = false;
    void ended.then(() => {
      over = true;
    });
    const received = text();
    // The limit begins when the route is reached, which takes a few turns of the loop.
    await vi.waitFor(() => expect(prelude).toBeDefined());
    await vi.advanceTimersByTimeAsync(13 * 60_000);
    expect(over).toBe(false);
    await vi.advanceTimersByTimeAsync(90_000);
    await ended;
    expect(await received).toContain(": heartbeat");
  } finally {
    vi.useRealTimers();
  }
});
