import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { buildRunTask, createEcsTaskLauncher, startedByOf } from "../../adapters/aws/ecs-task-launcher.ts";
import { createLambdaTaskLauncher } from "../../adapters/aws/lambda-task-launcher.ts";
import { limits } from "../../core/limits.ts";
import type { LaunchRequest } from "../../core/ports.ts";
import { createLaneLauncher } from "../../functions/lane-launcher.ts";
import { type EndpointAnswer, type EndpointCall, startJsonEndpoint } from "../fixtures/json-endpoint.ts";

// No emulator knows clientToken, failures[] or strategies: ECS is played by its documentation
// (AmazonECS/latest/APIReference/API_RunTask.html, ECS_Idempotency.html).

const settings = {
  cluster: "mixdown-test",
  taskDefinition: "mixdown-test-worker",
  gpu: { taskDefinition: "mixdown-test-gpu", capacityProvider: "mixdown-test-gpu-group" },
  subnets: ["subnet-1", "subnet-2"],
  securityGroups: ["sg-1"],
  assignPublicIp: true,
};
const ref = { owner: "local", jobId: "episode-12" };
const request = (overrides: Partial<LaunchRequest> = {}): LaunchRequest => ({
  ref,
  attempt: 2,
  lane: "fargate-spot",
  size: "S",
  clientToken: "t".repeat(64),
  ...overrides,
});
const arn = "arn:aws:ecs:us-east-1:000000000000:task/mixdown-test/0123";

const names = [
  "AWS_ENDPOINT_URL_ECS",
  "AWS_ENDPOINT_URL_LAMBDA",
  "AWS_REGION",
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
];
const before = Object.fromEntries(names.map((name) => [name, process.env[name]]));
let endpoint: Awaited<ReturnType<typeof startJsonEndpoint>>;
let answer: (call: EndpointCall) => EndpointAnswer;

beforeEach(async () => {
  answer = () => ({ status: 200, body: { tasks: [{ taskArn: arn }], failures: [] } });
  endpoint = await startJsonEndpoint((call) => answer(call));
  process.env.AWS_ENDPOINT_URL_ECS = endpoint.url;
  process.env.AWS_ENDPOINT_URL_LAMBDA = endpoint.url;
  process.env.AWS_REGION ??= "us-east-1";
  process.env.AWS_ACCESS_KEY_ID ??= "test";
  process.env.AWS_SECRET_ACCESS_KEY ??= "test";
});
afterEach(async () => {
  await endpoint.close();
  for (const [name, value] of Object.entries(before)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

describe("tasks on ECS", () => {
  const launch = (overrides: Partial<LaunchRequest> = {}) =>
    createEcsTaskLauncher(settings, "local").launch(request(overrides));

  test("fails when a task is launched with more or less than its job, its size and its lane", async () => {
    expect(await launch({ size: "XL" })).toEqual({ taskId: arn });
    expect(endpoint.calls[0]?.body).toEqual({
      cluster: "mixdown-test",
      taskDefinition: "mixdown-test-worker",
      clientToken: "t".repeat(64),
      count: 1,
      startedBy: startedByOf(ref, "local"),
      propagateTags: "TASK_DEFINITION",
      capacityProviderStrategy: [{ capacityProvider: "FARGATE_SPOT", weight: 1 }],
      networkConfiguration: {
        awsvpcConfiguration: { subnets: ["subnet-1", "subnet-2"], securityGroups: ["sg-1"], assignPublicIp: "ENABLED" },
      },
      overrides: {
        cpu: "8192",
        memory: "32768",
        ephemeralStorage: { sizeInGiB: 200 },
        containerOverrides: [
          {
            name: "worker",
            environment: [
              { name: "MIXDOWN_JOB_ID", value: "episode-12" },
              { name: "MIXDOWN_ATTEMPT", value: "2" },
            ],
          },
        ],
      },
    });
  });

  test("fails when a lane's capacity provider stands beside another, or a GPU task gets what instances cannot give", () => {
    const build = (lane: LaunchRequest["lane"]) => buildRunTask(settings, request({ lane }), "local");
    const providers = (["fargate-spot", "fargate", "gpu"] as const).map((lane) => build(lane).capacityProviderStrategy);
    expect(providers.map((strategy) => strategy?.map((entry) => entry.capacityProvider))).toEqual([
      ["FARGATE_SPOT"],
      ["FARGATE"],
      ["mixdown-test-gpu-group"],
    ]);
    expect(build("gpu")).toMatchObject({
      taskDefinition: "mixdown-test-gpu",
      networkConfiguration: { awsvpcConfiguration: { assignPublicIp: "DISABLED" } },
    });
    expect(build("gpu").overrides).not.toHaveProperty("ephemeralStorage");
    expect(build("fargate")).not.toHaveProperty("launchType");
    const without = { ...settings, gpu: null };
    expect(() => buildRunTask(without, request({ lane: "gpu" }), "local")).toThrow(
      expect.objectContaining({ code: "capacity_unavailable" }),
    );
  });

  test("fails when a size is no pair that Fargate knows, or its storage is out of Fargate's range", () => {
    const memoryGib: Record<number, readonly [number, number, number]> = {
      1024: [2, 8, 1],
      2048: [4, 16, 1],
      4096: [8, 30, 1],
      8192: [16, 60, 4],
    };
    for (const { cpu, memoryMib, scratchGib } of Object.values(limits.taskSizes)) {
      const [least = 0, most = 0, step = 1] = memoryGib[cpu] ?? [];
      const gib = memoryMib / 1_024;
      expect(gib >= least && gib <= most && (gib - least) % step === 0, `${cpu}/${memoryMib}`).toBe(true);
      expect(scratchGib).toBeGreaterThanOrEqual(21);
      expect(scratchGib).toBeLessThanOrEqual(200);
    }
  });

  test("fails when `startedBy` has what ECS refuses, or two jobs share one", () => {
    const long = { owner: "o".repeat(64), jobId: "j".repeat(128) };
    expect(startedByOf(long, "local")).toMatch(/^[A-Za-z0-9/_-]{1,128}$/);
    expect(startedByOf({ owner: "a", jobId: "b" }, "local")).not.toBe(
      startedByOf({ owner: "local", jobId: "b" }, "local"),
    );
  });

  const failure = (reason: string, detail?: string) => ({
    status: 200,
    body: { tasks: [], failures: [{ arn, reason, detail }] },
  });
  const exception = (type: string, message: string, extra = {}) => ({
    status: type === "ServerException" ? 500 : 400,
    body: { __type: type, message, ...extra },
  });
  const faults: readonly (readonly [string, EndpointAnswer, string])[] = [
    ["MISSING", failure("MISSING"), "platform_launch_failed"],
    ["INACTIVE", failure("INACTIVE"), "platform_launch_failed"],
    ["ATTRIBUTE", failure("ATTRIBUTE"), "platform_launch_failed"],
    ["an empty answer", { status: 200, body: { tasks: [], failures: [] } }, "platform_launch_failed"],
    ["RESOURCE:MEMORY", failure("RESOURCE:MEMORY"), "capacity_unavailable"],
    ["RESOURCE:ENI", failure("RESOURCE:ENI"), "capacity_unavailable"],
    ["RESOURCE:GPU", failure("RESOURCE:GPU"), "capacity_unavailable"],
    ["AGENT", failure("AGENT"), "capacity_unavailable"],
    [
      "no Fargate capacity",
      failure("Capacity is unavailable at this time. Please try again later or in a different availability zone"),
      "capacity_unavailable",
    ],
    [
      "no capacity as an exception",
      exception("ClientException", "Capacity is unavailable at this time. Please try again later"),
      "capacity_unavailable",
    ],
    [
      "the account's limit",
      exception("LimitExceededException", "You've reached the limit on the number of vCPUs you can run concurrently"),
      "capacity_unavailable",
    ],
    ["throttling", exception("ThrottlingException", "Rate exceeded"), "capacity_throttled"],
    [
      "AccessDenied",
      exception("AccessDeniedException", "not authorized to perform: ecs:RunTask"),
      "platform_launch_failed",
    ],
    ["PassRole", exception("ClientException", "ECS was unable to assume the role"), "platform_launch_failed"],
    ["an invalid parameter", exception("InvalidParameterException", "subnet is invalid"), "platform_launch_failed"],
    ["no cluster", exception("ClusterNotFoundException", "Cluster not found."), "platform_launch_failed"],
    ["another platform", exception("PlatformUnknownException", "no such platform"), "platform_launch_failed"],
  ];
  test.each(faults)("fails when %s is taken for another fault than it is", async (_what, given, code) => {
    answer = () => given;
    const thrown: unknown = await launch().catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code, retryable: code.startsWith("capacity_") });
  });

  test("fails when a fault of ECS itself ends the job, or is not asked again with the same token", async () => {
    answer = () => exception("ServerException", "Service Unavailable. Please try again later.");
    const thrown = await launch().catch((error: unknown) => error);
    expect(String((thrown as { code?: unknown }).code ?? "")).not.toBe("platform_launch_failed");
    expect(endpoint.calls.length).toBeGreaterThan(1);
    expect(new Set(endpoint.calls.map((call) => call.body.clientToken)).size).toBe(1);
  });

  test("fails when a token that was used by our own launch is not adopted, or one of somebody else's is", async () => {
    let startedBy = startedByOf(ref, "local");
    answer = ({ operation }) =>
      operation === "RunTask"
        ? exception("ConflictException", "The clientToken is already in use", { resourceIds: [arn] })
        : { status: 200, body: { tasks: startedBy === "" ? [] : [{ taskArn: arn, startedBy }] } };
    expect(await launch()).toEqual({ taskId: arn });
    for (const stranger of ["somebody-else", ""]) {
      startedBy = stranger;
      await expect(launch()).rejects.toMatchObject({ code: "platform_launch_failed", retryable: false });
    }
  });

  test("fails when a task that is gone cannot be stopped, or one that is there is not", async () => {
    const launcher = createEcsTaskLauncher(settings, "local");
    answer = () => ({ status: 200, body: { task: { taskArn: arn } } });
    await launcher.stop(arn);
    expect(endpoint.calls[0]).toMatchObject({ operation: "StopTask", body: { cluster: "mixdown-test", task: arn } });
    answer = () => exception("InvalidParameterException", "The referenced task was not found.");
    await launcher.stop(arn);
    answer = () => exception("ClusterNotFoundException", "Cluster not found.");
    await expect(launcher.stop(arn)).rejects.toThrow("Cluster not found");
  });

  test("fails when a stopped or forgotten task counts as alive", async () => {
    const launcher = createEcsTaskLauncher(settings, "local");
    for (const [lastStatus, alive] of [
      ["PENDING", true],
      ["RUNNING", true],
      ["STOPPED", false],
    ] as const) {
      answer = () => ({ status: 200, body: { tasks: [{ taskArn: arn, lastStatus }] } });
      expect(await launcher.isAlive(arn), lastStatus).toBe(alive);
    }
    answer = () => ({ status: 200, body: { tasks: [], failures: [{ arn, reason: "MISSING" }] } });
    expect(await launcher.isAlive(arn)).toBe(false);
  });
});

describe("calls of the worker's function", () => {
  const launcher = () => createLambdaTaskLauncher("mixdown-test-worker", "local");

  test("fails when a call waits for its worker, or does not say its task as the environment would", async () => {
    answer = () => ({ status: 202, headers: { "x-amzn-requestid": "request-1" } });
    const other = request({ ref: { owner: "acme", jobId: "a" }, lane: "lambda" });
    expect(await launcher().launch(other)).toEqual({ taskId: "request-1" });
    const [call] = endpoint.calls;
    expect(call?.operation).toBe("POST /2015-03-31/functions/mixdown-test-worker/invocations");
    expect(call?.headers["x-amz-invocation-type"]).toBe("Event");
    expect(call?.body).toEqual({ MIXDOWN_JOB_ID: "acme.a", MIXDOWN_ATTEMPT: "2" });
  });

  test.each([
    ["TooManyRequestsException", 429, "capacity_throttled"],
    ["ResourceNotFoundException", 404, "platform_launch_failed"],
    ["AccessDeniedException", 403, "platform_launch_failed"],
    ["EC2ThrottledException", 502, "capacity_throttled"],
    ["ENILimitReachedException", 502, "capacity_unavailable"],
    ["ResourceNotReadyException", 502, "capacity_unavailable"],
  ])("fails when %s is taken for another fault than it is", async (type, status, code) => {
    answer = () => ({ status, body: { Message: "no" }, headers: { "x-amzn-errortype": type } });
    await expect(launcher().launch(request({ lane: "lambda" }))).rejects.toMatchObject({ code });
  });

  test("fails when a lane goes to the other's launcher, or one that is not there is waited for", async () => {
    const tasks = createEcsTaskLauncher(settings, "local");
    const both = createLaneLauncher(tasks, launcher());
    answer = () => ({ status: 202, headers: { "x-amzn-requestid": "request-2" } });
    expect(await both.launch(request({ lane: "lambda" }))).toEqual({ taskId: "request-2" });
    await both.stop("request-2");
    expect(endpoint.calls).toHaveLength(1);
    answer = () => ({ status: 200, body: { tasks: [{ taskArn: arn }] } });
    expect(await both.launch(request())).toEqual({ taskId: arn });
    const without = createLaneLauncher(tasks, null);
    await expect(without.launch(request({ lane: "lambda" }))).rejects.toMatchObject({ code: "capacity_unavailable" });
  });
});
