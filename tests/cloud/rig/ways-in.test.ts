import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { Webhook } from "standardwebhooks";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createDynamoApiKeyStore } from "../../../adapters/aws/api-key-store.ts";
import { openTable } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import { createApiKey } from "../../../core/api-keys.ts";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { openRigClient, type RigClient } from "./rig-client.ts";

describeOnAws("Other ways in, and the way out", () => {
  let client: RigClient;
  let key: string;
  let receiver: Server;
  let received: { headers: Record<string, string>; body: string }[];
  let answers: number[];
  beforeAll(async () => {
    client = await openRigClient({ uploads: true, door: true });
    const keys = createDynamoApiKeyStore(openTable(client.rig.table));
    ({ key } = await createApiKey({ keys, clock: systemClock }, { owner: "local", name: "rig" }));
    [received, answers] = [[], []];
    receiver = createServer(async (request, response) => {
      received.push({ headers: request.headers as Record<string, string>, body: await text(request) });
      response.writeHead(answers.shift() ?? 204).end();
    });
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
  });
  afterAll(async () => {
    await client?.close();
    receiver?.close();
  });
  afterEach(() => {
    expect(client.rig.faults).toEqual([]);
  });

  /** One request, as the gateway passes it on. */
  const ask = async (method: string, path: string, body?: unknown, credential = key) => {
    const event = loadEvent<APIGatewayProxyEventV2>("http-api-request");
    const [rawPath = "/", rawQueryString = ""] = path.split("?");
    Object.assign(event, { rawPath, rawQueryString });
    Object.assign(event.requestContext.http, { method, path: rawPath });
    event.headers.authorization = `Bearer ${credential}`;
    if (body !== undefined) event.body = JSON.stringify(body);
    const answer = (await client.rig.functions.call("api", event)) as APIGatewayProxyStructuredResultV2;
    return { status: answer.statusCode, json: JSON.parse(answer.body ?? "null") };
  };

  test("fails when a job by HTTP does not go from upload to a download that can be measured", async () => {
    const file = await client.makeTone({ hertz: 444 });
    const announced = { filename: "my talk.wav", contentType: "audio/wav", sizeBytes: file.length };
    const ticket = await ask("POST", "/v1/uploads", announced);
    expect(ticket.status).toBe(201);
    const { url, method, headers, key: object } = ticket.json;
    expect((await fetch(url, { method, headers, body: file })).status).toBe(200);
    const submitted = await ask("POST", "/v1/jobs", { jobId: "by-http", kind: "clean", inputs: [{ key: object }] });
    expect(submitted.status).toBe(202);
    const job = await client.ended("by-http");
    expect(job.error).toBeNull();
    const download = await ask("GET", `/v1/jobs/by-http/outputs/${encodeURIComponent(job.outputs[0]?.name ?? "")}`);
    const bytes = await (await fetch(download.json.url)).arrayBuffer();
    expect(bytes.byteLength).toBe(job.outputs[0]?.sizeBytes);
    expect((await client.measure(job)).lufs).toBeCloseTo(-16, 0);
  });

  test("fails when a file dropped into the bucket does not become a job and come back", async () => {
    await client.upload("dropped by hand.wav", { hertz: 333 });
    const find = async () => {
      const jobs: { jobId: string; inputs: { key: string }[] }[] = (await ask("GET", "/v1/jobs?limit=50")).json.jobs;
      return jobs.find((job) => job.inputs[0]?.key === "dropped by hand.wav");
    };
    await expect.poll(find, { timeout: 30_000, interval: 200 }).toBeDefined();
    const found = await find();
    const job = await client.ended(found?.jobId ?? "");
    expect(job.error).toBeNull();
    expect((await client.measure(job)).lufs).toBeCloseTo(-16, 0);
  });

  test("fails when a stranger is let in, by the API or by the authorizer", async () => {
    expect((await ask("GET", "/v1/jobs", undefined, "mxd_nobody")).status).toBe(401);
    const event = { ...loadEvent<object>("authorizer-request"), headers: { authorization: "Bearer mxd_nobody" } };
    expect(await client.rig.functions.call("authorizer", event)).toMatchObject({ isAuthorized: false });
    const ours = { ...event, headers: { authorization: `Bearer ${key}` } };
    expect(await client.rig.functions.call("authorizer", ours)).toMatchObject({ isAuthorized: true });
  });

  test("fails when a webhook's receiver that is down is not told again, or what it is told is not signed", async () => {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const { json: endpoint } = await ask("POST", "/v1/webhooks", { url, events: ["job.failed.v1"] });
    answers.push(500);
    await client.send({ job_id: "told", s3_key: "incoming/nothing.wav" });
    expect((await client.ended("told")).status).toBe("failed");
    await expect.poll(() => received.length, { timeout: 60_000 }).toBe(2);
    expect(received[1]?.headers["webhook-id"]).toBe(received[0]?.headers["webhook-id"]);
    const { headers, body } = received[1] ?? { headers: {}, body: "" };
    expect(new Webhook(endpoint.secret).verify(body, headers)).toMatchObject({
      type: "job.failed.v1",
      data: { jobId: "told" },
    });
  });
});
