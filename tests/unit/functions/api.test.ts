import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHandler } from "../../../functions/api/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { ApiFixture } from "../api/api-fixture.ts";

let fixture: ApiFixture;
let key: string;
let telemetry: ReturnType<typeof recordTelemetry>;
beforeEach(async () => {
  fixture = new ApiFixture({ access: "keys" });
  key = await fixture.createKey("local");
  telemetry = recordTelemetry();
});
afterEach(() => fixture.close());

const request = async (
  method: string,
  path: string,
  { body, base64 = false, headers = {} }: { body?: string; base64?: boolean; headers?: Record<string, string> } = {},
) => {
  const event = loadEvent<APIGatewayProxyEventV2>("http-api-request");
  const [rawPath = "/", rawQueryString = ""] = path.split("?");
  Object.assign(event, { rawPath, rawQueryString, isBase64Encoded: base64 });
  Object.assign(event.requestContext.http, { method, path: rawPath });
  Object.assign(event.headers, { authorization: `Bearer ${key}`, ...headers });
  if (body !== undefined) event.body = base64 ? Buffer.from(body).toString("base64") : body;
  const answer = (await createHandler(fixture.deps, telemetry)(event as never)) as APIGatewayProxyStructuredResultV2;
  return { status: answer.statusCode, headers: answer.headers, json: answer.body ? JSON.parse(answer.body) : null };
};
const submission = JSON.stringify({ jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] });

test.each([false, true])("fails when a job cannot be submitted through the gateway (base64 %s)", async (base64) => {
  expect(await request("POST", "/v1/jobs", { body: submission, base64 })).toMatchObject({
    status: 202,
    json: { jobId: "j", status: "queued" },
  });
  await fixture.world.settle();
  expect(await request("GET", "/v1/jobs/j")).toMatchObject({ status: 200, json: { status: "succeeded" } });
});

test("fails when a query is lost on its way", async () => {
  await request("POST", "/v1/jobs", { body: submission });
  expect((await request("GET", "/v1/jobs?status=succeeded&limit=1")).json.jobs).toEqual([]);
  expect((await request("GET", "/v1/jobs?status=queued&limit=1")).json.jobs).toHaveLength(1);
});

test("fails when a request without a credential is served, or its answer is no problem document", async () => {
  expect(await request("GET", "/v1/jobs", { headers: { authorization: "" } })).toMatchObject({
    status: 401,
    headers: { "content-type": expect.stringContaining("application/problem+json") },
    json: { code: "auth_missing" },
  });
});

test("fails when an internal fault is told to the caller and not to the log", async () => {
  fixture.world.close();
  const { status, json } = await request("GET", "/v1/jobs");
  fixture = new ApiFixture();
  expect(status).toBe(500);
  expect(json.code).toBe("platform_internal");
  expect(telemetry.text()).toContain("a request failed");
});

test("fails when a stream that the gateway would collect does not end with its first news", async () => {
  await request("POST", "/v1/jobs", { body: submission });
  const deps = { ...fixture.deps, settings: { ...fixture.deps.settings, buffered: true } };
  const ask = async (lastEventId: string) => {
    const event = loadEvent<APIGatewayProxyEventV2>("http-api-request");
    Object.assign(event, { rawPath: "/v1/jobs/j/events", rawQueryString: "" });
    Object.assign(event.headers, { authorization: `Bearer ${key}`, "last-event-id": lastEventId });
    return (await createHandler(deps, telemetry)(event as never)) as APIGatewayProxyStructuredResultV2;
  };
  const text = ({ body = "", isBase64Encoded = false }: APIGatewayProxyStructuredResultV2) =>
    isBase64Encoded ? Buffer.from(body, "base64").toString() : body;
  const first = text(await ask(""));
  const id = /^id: (.*)$/m.exec(first)?.[1] ?? "";
  expect(first).toContain('"status":"queued"');
  // Nothing new: it ends with the patience, empty.
  expect(text(await ask(id))).not.toContain("data:");
  const waiting = ask(id);
  await fixture.world.invoke();
  const next = text(await waiting);
  expect(next.match(/^data:/gm)).toHaveLength(1);
  expect(next).not.toContain(`id: ${id}`);
});
