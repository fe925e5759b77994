import { afterEach, beforeEach, expect, test } from "vitest";
import { submit } from "../../../core/submit.ts";
import { createHandler } from "../../../functions/task-state/handler.ts";
import { readTaskEnd } from "../../../functions/task-state/read-task-end.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { World } from "../core/model/world.ts";

interface StoppedEvent {
  detail: {
    taskArn: string;
    lastStatus: string;
    stopCode: string;
    stoppedReason: string;
    version: number;
    containers: { exitCode?: number; reason?: string }[];
    overrides: { containerOverrides: { environment?: { name: string; value: string }[] }[] };
  };
}

const stopped = (detail: Partial<StoppedEvent["detail"]> = {}): StoppedEvent => {
  const event = loadEvent<StoppedEvent>("ecs-task-stopped");
  return { ...event, detail: { ...event.detail, ...detail } };
};

let world: World;
beforeEach(async () => {
  world = new World();
  world.objects.put("raw/local/1/a.wav", "a");
  await submit(
    world.process(),
    { jobId: "j", kind: "clean", inputs: [{ key: "raw/local/1/a.wav" }] },
    { owner: "local" },
  );
  await world.invoke();
});
afterEach(() => world.close());

const get = () => world.get({ owner: "local", jobId: "j" });
const told = (event: unknown) => createHandler(world.process(), recordTelemetry())(event);
/** The event of the very task that was launched. */
const ofOurTask = (detail: Partial<StoppedEvent["detail"]> = {}) => stopped({ taskArn: "task-1", ...detail });

test("fails when the documented event does not give a killed worker's job its next attempt", async () => {
  await told(ofOurTask());
  expect(await get()).toMatchObject({ status: "queued", attempt: 2, handBacks: 0 });
});

test("fails when an event that comes twice, or an older one that comes after it, moves the job again", async () => {
  await told(ofOurTask());
  const before = await get();
  await told(ofOurTask());
  for (const lastStatus of ["PROVISIONING", "RUNNING", "DEPROVISIONING"])
    await told(ofOurTask({ lastStatus, version: 2 }));
  expect(await get()).toEqual(before);
});

test("fails when the end of another task settles the attempt", async () => {
  const before = await get();
  await told(stopped());
  expect(await get()).toEqual(before);
});

test("fails when a task of nobody's is an error, or a broken event is none", async () => {
  await told(stopped({ overrides: { containerOverrides: [{}] } }));
  expect((await get())?.attempt).toBe(1);
  await expect(told({ "detail-type": "ECS Task State Change", detail: {} })).rejects.toThrow();
});

test("fails when a job of another owner is not found by its reference", () => {
  const environment = [
    { name: "MIXDOWN_JOB_ID", value: "acme.j" },
    { name: "MIXDOWN_ATTEMPT", value: "2" },
  ];
  const event = stopped({ overrides: { containerOverrides: [{}, { environment }] } });
  expect(readTaskEnd(event, "local")).toMatchObject({ ref: { owner: "acme", jobId: "j" }, attempt: 2 });
});

const killed = [{ exitCode: 137, reason: "OutOfMemoryError: Container killed due to memory usage" }];
const spot = "Your Spot Task was interrupted.";
const noCapacity = "Capacity is unavailable at this time. Please try again later or in a different availability zone";
test.each([
  ["EssentialContainerExited", "Essential container in task exited", killed, "out-of-memory"],
  ["EssentialContainerExited", "Essential container in task exited", [{ exitCode: 137 }], "crashed"],
  ["EssentialContainerExited", "Essential container in task exited", [{ exitCode: 1 }], "crashed"],
  ["SpotInterruption", spot, [{ exitCode: 143 }], "interrupted"],
  ["TerminationNotice", spot, [], "interrupted"],
  ["UserInitiated", "Task stopped by user", [{ exitCode: 137 }], "interrupted"],
  ["TaskFailedToStart", noCapacity, [], "no-capacity"],
  ["TaskFailedToStart", "RESOURCE:GPU", [], "no-capacity"],
  ["TaskFailedToStart", "CannotPullContainerError: pull image manifest has been retried 1 time(s)", [], "crashed"],
  ["TaskFailedToStart", "ResourceInitializationError: unable to pull secrets", [], "crashed"],
])("fails when %s (%s) does not count as its own kind of loss", (stopCode, stoppedReason, containers, loss) => {
  const end = readTaskEnd(stopped({ stopCode, stoppedReason, containers }), "local");
  expect(end).toMatchObject({ loss, detail: expect.stringContaining(stoppedReason) });
});

test("fails when a worker's function that failed does not settle its attempt, or lacks memory unheard", async () => {
  interface FailedCall {
    requestContext: { condition: string };
    responsePayload?: unknown;
  }
  const call = loadEvent<FailedCall>("lambda-destination");
  expect(readTaskEnd(call, "local")).toMatchObject({ ref: { jobId: "j" }, attempt: 1, loss: "out-of-memory" });
  const timeout = { errorType: "Sandbox.Timedout", errorMessage: "Task timed out after 900.00 seconds" };
  expect(readTaskEnd({ ...call, responsePayload: timeout }, "local")).toMatchObject({ loss: "interrupted" });
  const fault = { errorType: "Runtime.ExitError", errorMessage: "Runtime exited with error: exit status 1" };
  expect(readTaskEnd({ ...call, responsePayload: fault }, "local")).toMatchObject({ loss: "crashed" });
  const aged = { ...call, requestContext: { ...call.requestContext, condition: "EventAgeExceeded" } };
  const { responsePayload, ...unanswered } = aged;
  expect(readTaskEnd(unanswered, "local")).toMatchObject({ loss: "no-capacity" });
});
