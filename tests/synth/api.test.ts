import { expect, test } from "vitest";
import { find, listAll, resourcesOf, synth } from "./synth-fixture.ts";

test("fails when the door has no log, no limit, or lets pages of others in", () => {
  const { api } = synth("prod", { MIXDOWN_CORS_ORIGINS: "https://app.example.org" });
  expect(resourcesOf(api, "aws_apigatewayv2_api").http).toMatchObject({
    protocol_type: "HTTP",
    cors_configuration: { allow_origins: ["https://app.example.org"] },
  });
  const stage = resourcesOf(api, "aws_apigatewayv2_stage")["http-stage"];
  expect(stage).toMatchObject({
    default_route_settings: { detailed_metrics_enabled: true, throttling_rate_limit: 200, throttling_burst_limit: 400 },
    access_log_settings: { destination_arn: expect.stringContaining("access-logs") },
  });
  const { format } = (stage as { access_log_settings: { format: string } }).access_log_settings;
  expect(JSON.parse(format)).toMatchObject({ status: "$context.status", requestId: "$context.requestId" });
  expect(resourcesOf(api, "aws_cloudwatch_log_group")["access-logs"]).toMatchObject({ retention_in_days: 14 });
});

test("fails when anything but what anybody may read is open", () => {
  const routes = listAll(synth("dev"), "aws_apigatewayv2_route");
  const open = routes
    .filter(({ authorization_type }) => authorization_type === "NONE")
    .map(({ route_key }) => route_key);
  expect(open.sort()).toEqual(["GET /docs", "GET /docs/reference.js", "GET /healthz", "GET /openapi.json"]);
  expect(routes.find(({ route_key }) => route_key === "$default")).toMatchObject({ authorization_type: "CUSTOM" });
  expect(listAll(synth("dev"), "aws_apigatewayv2_authorizer")).toEqual([
    expect.objectContaining({ authorizer_type: "REQUEST", enable_simple_responses: true }),
  ]);
});

test("fails when streams are buffered, or their URL cannot be called", () => {
  const { api } = synth("dev");
  expect(resourcesOf(api, "aws_lambda_function_url")["stream-url"]).toMatchObject({ invoke_mode: "RESPONSE_STREAM" });
  const calls = listAll({ api: api as never }, "aws_lambda_permission").filter(({ principal }) => principal === "*");
  expect(calls.map(({ action }) => action).sort()).toEqual(["lambda:InvokeFunction", "lambda:InvokeFunctionUrl"]);
  // Whoever may call the function in any other way is named.
  expect(calls.every((one) => one.function_url_auth_type === "NONE" || one.invoked_via_function_url === true)).toBe(
    true,
  );
});

test("fails when the user of older front ends is there without its flag, or its secret in the state", () => {
  expect(listAll(synth("prod"), "aws_iam_user")).toEqual([]);
  expect(listAll(synth("test"), "aws_iam_user")).toHaveLength(1);
  expect(listAll(synth("test"), "aws_iam_access_key")).toEqual([]);
  expect(find(synth("prod").api, "aws_iam_role", "presign-role")).toBeDefined();
});

test("fails when a front end is not told where things are", () => {
  const outputs = Object.values(synth("test")).flatMap((stack) => Object.keys(stack.output ?? {}));
  expect(outputs).toEqual(
    expect.arrayContaining([
      "api_url",
      "stream_url",
      "queue_url",
      "raw_bucket_name",
      "derived_bucket_name",
      "transcripts_bucket_name",
      "table_name",
      "presign_role_name",
      "task_role_name",
    ]),
  );
});

const alarmNames = (name: string) =>
  listAll(synth(name), "aws_cloudwatch_metric_alarm").map(({ alarm_name }) =>
    String(alarm_name).replace(`mixdown-${name}-`, ""),
  );

test("fails when something that goes wrong rings nowhere", () => {
  expect(alarmNames("prod")).toEqual(
    expect.arrayContaining([
      "api-4xx",
      "api-5xx",
      "table-read-throttled",
      "table-write-throttled",
      "dead-letters",
      "dead-letters-settled",
      "undelivered",
      "oldest-message",
      "jobs-failed",
      "launches-missed",
      "nat-0-bytes",
      "nat-2-bytes",
      "invoker-errors",
      "invoker-duration",
      "api-errors",
      "worker-errors",
    ]),
  );
  for (const alarm of listAll(synth("prod"), "aws_cloudwatch_metric_alarm")) {
    expect(alarm.alarm_actions).toEqual([expect.stringContaining("aws_sns_topic.topic")]);
  }
  expect(alarmNames("dev")).toEqual([]);
});

test("fails when who should be told is not, or a budget stands without its amount", () => {
  const emails = "ops@example.org,on-call@example.org";
  const { observability } = synth("prod", { MIXDOWN_ALARM_EMAILS: emails });
  const told = Object.values(resourcesOf(observability, "aws_sns_topic_subscription")).map(({ endpoint }) => endpoint);
  expect(told).toEqual(emails.split(","));
  expect(resourcesOf(observability, "aws_budgets_budget").budget).toMatchObject({ limit_amount: "500" });
  expect(listAll(synth("dev"), "aws_budgets_budget")).toEqual([]);
  expect(listAll(synth("prod"), "aws_cloudwatch_dashboard")).toHaveLength(1);
  expect(listAll(synth("prod"), "aws_xray_group")).toHaveLength(1);
});
