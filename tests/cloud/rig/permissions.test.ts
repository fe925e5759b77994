import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from "aws-lambda";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDynamoApiKeyStore } from "../../../adapters/aws/api-key-store.ts";
import { openTable } from "../../../adapters/aws/table.ts";
import { systemClock } from "../../../adapters/embedded/clock.ts";
import type { Grantee } from "../../../config/function-names.ts";
import { permissionsOf } from "../../../config/permissions.ts";
import { createApiKey } from "../../../core/api-keys.ts";
import { describeOnAws } from "../../fixtures/aws-emulator.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { CallRecorder } from "./call-recorder.ts";
import { killed, spotInterruption } from "./ecs-stand-in.ts";
import { openRigClient, type RigClient } from "./rig-client.ts";

const watched = [
  "invoker",
  "task-state",
  "reconciler",
  "dead-letters",
  "events",
  "uploads",
  "webhooks",
  "api",
  "authorizer",
  "worker",
] as const satisfies readonly Grantee[];

interface Unseen {
  readonly by: readonly Grantee[];
  /** Of `action resource`. */
  readonly what: RegExp;
  readonly why: string;
}

/** What is granted and was not seen, each with its reason. */
const unseen: readonly Unseen[] = [
  {
    by: ["invoker", "task-state", "reconciler", "dead-letters", "uploads", "api", "worker"],
    what: /^(s3:DeleteObject derived|dynamodb:(BatchGetItem|DeleteItem) table)$/,
    why: "what a lost run uploaded, its place in the cache and those that wait for it: only where there are such",
  },
  {
    by: ["task-state", "reconciler", "dead-letters", "uploads"],
    what: /^(s3:(GetObject|ListBucket) (raw|derived)(-bucket)?|dynamodb:(GetItem|PutItem|Query) table|sqs:SendMessage queue)$/,
    why: "settling and waking look at what is left, and how much that is differs from end to end",
  },
  {
    by: ["invoker", "reconciler"],
    what: /^(lambda:InvokeFunction worker-function|ecs:(DescribeTasks|StopTask) tasks)$/,
    why: "the rig has no worker function; a task is looked up or stopped where its start or its end was missed",
  },
  {
    by: ["reconciler"],
    what: /^(ecs:(RunTask task-definitions|TagResource tasks)|iam:PassRole task-roles)$/,
    why: "launches only where a wake-up call was lost",
  },
  {
    by: ["invoker"],
    what: /^sqs:SendMessage queue$/,
    why: "jobs that wait for one which ends at its launch: served from the cache, canceled, at fault",
  },
  {
    by: ["webhooks", "api"],
    what: /^(scheduler:\w+ schedules|iam:PassRole scheduler-role|dynamodb:(BatchGetItem|DeleteItem) table)$/,
    why: "redelivery by hand, endpoints that are removed, schedules that are withdrawn",
  },
  {
    by: ["api"],
    what: /^s3:(AbortMultipartUpload raw|ListMultipartUploadParts raw|ListBucketMultipartUploads raw-bucket)$/,
    why: "uploads in parts, which the contract's suite makes",
  },
  {
    by: ["worker"],
    what: /^(s3:AbortMultipartUpload derived)$/,
    why: "results that are too large for one request, which the contract's suite makes",
  },
];

describeOnAws("What functions and workers really call", () => {
  const recorder = new CallRecorder();
  let client: RigClient;
  let receiver: Server;
  let key: string;

  const ask = async (method: string, path: string, body?: unknown) => {
    const event = loadEvent<APIGatewayProxyEventV2>("http-api-request");
    const [rawPath = "/", rawQueryString = ""] = path.split("?");
    Object.assign(event, { rawPath, rawQueryString });
    Object.assign(event.requestContext.http, { method, path: rawPath });
    event.headers.authorization = `Bearer ${key}`;
    if (body !== undefined) event.body = JSON.stringify(body);
    const answer = (await client.rig.functions.call("api", event)) as APIGatewayProxyStructuredResultV2;
    if ((answer.statusCode ?? 500) >= 400) throw new Error(`${method} ${path}: ${answer.statusCode} ${answer.body}`);
    return JSON.parse(answer.body || "null");
  };

  beforeAll(async () => {
    client = await openRigClient({ uploads: true, door: true, watch: recorder.watch });
    const { rig } = client;
    const last = (url: string) => url.split("/").at(-1) ?? "";
    recorder.names = {
      [rig.buckets.raw]: "raw",
      [rig.buckets.derived]: "derived",
      [last(rig.queueUrl)]: "queue",
      [last(rig.deadLetterQueueUrl)]: "dead-letter-queue",
    };
    const keys = createDynamoApiKeyStore(openTable(rig.table));
    ({ key } = await createApiKey({ keys, clock: systemClock }, { owner: "local", name: "rig" }));
    receiver = createServer((_, response) => void response.writeHead(told++ === 0 ? 500 : 204).end());
    let told = 0;
    receiver.listen(0, "127.0.0.1");
    await once(receiver, "listening");
    await live();
  });
  afterAll(async () => {
    await client?.close();
    await recorder.close();
    receiver?.close();
  });

  /** A day of the platform: what goes well, what is killed, given back, canceled, dropped, refused, told. */
  async function live(): Promise<void> {
    const { rig } = client;
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    await ask("POST", "/v1/webhooks", { url, events: ["job.failed.v1"] });
    const file = await client.makeTone({ hertz: 444 });
    const ticket = await ask("POST", "/v1/uploads", {
      filename: "a.wav",
      contentType: "audio/wav",
      sizeBytes: file.length,
    });
    const put = await fetch(ticket.url, { method: ticket.method, headers: ticket.headers, body: file });
    expect(await put.text()).toBe("");
    await ask("POST", "/v1/jobs", { jobId: "by-http", kind: "clean", inputs: [{ key: ticket.key }] });
    const job = await client.ended("by-http");
    const download = await ask("GET", `/v1/jobs/by-http/outputs/${encodeURIComponent(job.outputs[0]?.name ?? "")}`);
    await (await fetch(download.url)).arrayBuffer();
    await ask("GET", "/v1/jobs?limit=1");
    await client.upload("dropped.wav");
    await client.send({ job_id: "gone", s3_key: "incoming/nothing.wav" });
    await client.send("no message at all");
    rig.ecs.strike(await client.started("killed"), killed);
    rig.ecs.strike(await client.started("given-back"), spotInterruption);
    for (const id of ["killed", "given-back", "gone"]) await client.ended(id);

    const canceled = await client.started("canceled");
    // It is to be at work when it is canceled, however fast that is.
    canceled.child.kill("SIGSTOP");
    const waits = { jobId: "waits", kind: "clean", inputs: [{ jobId: "canceled", output: "canceled.mp3" }] };
    await ask("POST", "/v1/jobs", waits);
    await bury({ jobId: "waits", attempt: 1 });
    await client.ended("waits");
    await ask("POST", "/v1/jobs/canceled/cancel");
    canceled.child.kill("SIGCONT");
    await rig.functions.call("reconciler", {});
    await client.ended("canceled");
    await rig.functions.call("authorizer", {
      ...loadEvent<object>("authorizer-request"),
      headers: { authorization: `Bearer ${key}` },
    });
  }

  async function bury(message: unknown): Promise<void> {
    const sqs = new SQSClient({});
    const ids = { MessageGroupId: "g", MessageDeduplicationId: "g" };
    const MessageBody = JSON.stringify(message);
    await sqs.send(new SendMessageCommand({ QueueUrl: client.rig.deadLetterQueueUrl, MessageBody, ...ids }));
    sqs.destroy();
  }

  test("fails when a call was made that nobody can name", () => {
    expect(recorder.faults).toEqual([]);
  });

  test.each(watched)("fails when %s calls what its role does not allow", (name) => {
    const granted = new Set(permissionsOf(name).map(({ action, resource }) => `${action} ${resource}`));
    const seen = [...recorder.seenOf(name)];
    expect(seen).not.toEqual([]);
    expect(seen.filter((one) => !granted.has(one))).toEqual([]);
  });

  test.each(watched)("fails when %s may do what it was not seen doing", (name) => {
    const seen = recorder.seenOf(name);
    const idle = permissionsOf(name)
      .map(({ action, resource }) => `${action} ${resource}`)
      .filter((one) => !seen.has(one))
      .filter((one) => !unseen.some(({ by, what }) => by.includes(name) && what.test(one)));
    expect(idle).toEqual([]);
  });
});
