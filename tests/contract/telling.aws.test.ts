import { CreateEventBusCommand, DeleteEventBusCommand, EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { GetScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { DeleteParameterCommand, PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";
import { describe, expect, test } from "vitest";
import { buildAt, createCallScheduler } from "../../adapters/aws/call-scheduler.ts";
import { buildBatches, createEventBridgePublisher, fitEvent } from "../../adapters/aws/event-publisher.ts";
import { createSsmSecretReader } from "../../adapters/aws/secret-reader.ts";
import { buildJobEvent, type DomainEvent } from "../../core/events.ts";
import { describeOnAws, randomName } from "../fixtures/aws-emulator.ts";
import { buildTestJob, claimed, succeeded } from "../fixtures/jobs.ts";
import { startJsonEndpoint } from "../fixtures/json-endpoint.ts";

const buildEvent = (outputCount = 1): DomainEvent => {
  const running = claimed(buildTestJob(), "run");
  const done = succeeded(running);
  const [output] = done.outputs;
  const outputs = Array.from({ length: outputCount }, () => output).filter((one) => one !== undefined);
  return buildJobEvent(running, { ...done, outputs }) as DomainEvent;
};

async function playing<T>(service: string, url: string, work: () => Promise<T>): Promise<T> {
  const name = `AWS_ENDPOINT_URL_${service}`;
  process.env[name] = url;
  process.env.AWS_REGION ??= "us-east-1";
  process.env.AWS_ACCESS_KEY_ID ??= "test";
  process.env.AWS_SECRET_ACCESS_KEY ??= "test";
  try {
    return await work();
  } finally {
    delete process.env[name];
  }
}

describe("events to the bus", () => {
  test("fails when an event that was refused alone is lost, or takes accepted ones with it", async () => {
    const events = Array.from({ length: 23 }, () => buildEvent());
    const stubborn = events[12]?.id;
    const passing = events[4]?.id;
    const asked = new Map<string, number>();
    const bus = await startJsonEndpoint(({ body }) => {
      const entries = body.Entries as { Detail: string }[];
      expect(entries.length).toBeLessThanOrEqual(10);
      const answers = entries.map(({ Detail }) => {
        const { id } = JSON.parse(Detail) as DomainEvent;
        asked.set(id, (asked.get(id) ?? 0) + 1);
        const refused = id === stubborn || (id === passing && asked.get(id) === 1);
        return refused ? { ErrorCode: "InternalFailure", ErrorMessage: "no" } : { EventId: id };
      });
      return { status: 200, body: { FailedEntryCount: 0, Entries: answers } };
    });
    const refused = await playing("EVENTBRIDGE", bus.url, () => createEventBridgePublisher("bus").publish(events));
    await bus.close();
    expect(refused).toEqual([events[12]]);
    expect(asked.get(passing ?? "")).toBe(2);
    expect([...asked.values()].filter((count) => count === 1)).toHaveLength(21);
  });

  test("fails when one call is larger than EventBridge takes, or events change their order", () => {
    const events = [buildEvent(900), buildEvent(), buildEvent(400), ...Array.from({ length: 12 }, () => buildEvent())];
    const batches = buildBatches(events);
    expect(batches.flat()).toEqual(events);
    for (const batch of batches) {
      expect(batch.length).toBeLessThanOrEqual(10);
      expect(Buffer.byteLength(JSON.stringify(batch.map(fitEvent)))).toBeLessThan(256_000);
    }
  });

  test("fails when an event with thousands of outputs can never be sent, or a small one is cut", () => {
    const large = buildEvent(5_000);
    expect(fitEvent(large)).toMatchObject({ id: large.id, data: { outputs: [], outputCount: 5_000, truncated: true } });
    const small = buildEvent();
    expect(fitEvent(small)).toBe(small);
  });
});

describe("one-shot calls", () => {
  test("fails when a call would come before its time", () => {
    expect(buildAt(Date.parse("2026-05-01T12:00:00.001Z"))).toBe("at(2026-05-01T12:00:01)");
    expect(buildAt(Date.parse("2026-05-01T12:00:00.000Z"))).toBe("at(2026-05-01T12:00:00)");
  });
});

describeOnAws("telling", () => {
  test("fails when the bus does not take our events", async () => {
    const client = new EventBridgeClient({});
    const Name = randomName("bus");
    await client.send(new CreateEventBusCommand({ Name }));
    expect(await createEventBridgePublisher(Name).publish([buildEvent(), buildEvent()])).toEqual([]);
    await client.send(new DeleteEventBusCommand({ Name }));
  });

  test("fails when a call is not scheduled once, in UTC, and gone afterwards; or cannot be canceled twice", async () => {
    const settings = {
      group: "default",
      targetArn: "arn:aws:lambda:us-east-1:000000000000:function:webhooks",
      roleArn: "arn:aws:iam::000000000000:role/scheduler",
    };
    const now = Date.parse("2030-05-01T12:00:00Z");
    const calls = createCallScheduler(settings, { now: () => now });
    const name = randomName("call");
    const call = { name, at: now + 3_600_000, payload: { deliveryId: "d" } };
    await calls.schedule(call);
    await calls.schedule(call);
    const standing = await new SchedulerClient({}).send(new GetScheduleCommand({ GroupName: "default", Name: name }));
    expect(standing).toMatchObject({
      ScheduleExpression: "at(2030-05-01T13:00:00)",
      ActionAfterCompletion: "DELETE",
      Target: { Arn: settings.targetArn, RoleArn: settings.roleArn, Input: '{"deliveryId":"d"}' },
    });
    await calls.cancel(name);
    await calls.cancel(name);
    await calls.schedule({ ...call, at: now - 1_000 });
    const early = await new SchedulerClient({}).send(new GetScheduleCommand({ GroupName: "default", Name: name }));
    expect(early.ScheduleExpression).toBe("at(2030-05-01T12:00:05)");
    await calls.cancel(name);
  });

  test("fails when a secret is not read, a placeholder is taken for one, or a new value is never seen", async () => {
    const ssm = new SSMClient({});
    const prefix = `/${randomName("secrets")}`;
    const put = (name: string, Value: string) =>
      ssm.send(new PutParameterCommand({ Name: `${prefix}/${name}`, Value, Type: "SecureString", Overwrite: true }));
    let now = 0;
    const secrets = createSsmSecretReader(prefix, { now: () => now });
    await put("key", "first");
    await put("later", "unset");
    expect(await secrets.get("key")).toBe("first");
    expect(await secrets.get("later")).toBeUndefined();
    expect(await secrets.get("unknown")).toBeUndefined();
    await put("key", "second");
    expect(await secrets.get("key")).toBe("first");
    now += 6 * 60_000;
    expect(await secrets.get("key")).toBe("second");
    for (const name of ["key", "later"]) await ssm.send(new DeleteParameterCommand({ Name: `${prefix}/${name}` }));
  });
});
