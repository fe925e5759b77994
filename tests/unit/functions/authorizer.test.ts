import type { APIGatewayRequestAuthorizerEventV2 } from "aws-lambda";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createHandler } from "../../../functions/authorizer/handler.ts";
import { loadEvent } from "../../fixtures/events/load-event.ts";
import { recordTelemetry } from "../../fixtures/telemetry.ts";
import { ApiFixture } from "../api/api-fixture.ts";

let fixture: ApiFixture;
beforeEach(() => {
  fixture = new ApiFixture({ access: "keys" });
});
afterEach(() => fixture.close());

const judge = (authorization: string, telemetry = recordTelemetry()) => {
  const event = loadEvent<APIGatewayRequestAuthorizerEventV2>("authorizer-request");
  event.headers = { ...event.headers, authorization };
  return createHandler(fixture.deps, telemetry)(event);
};

test("fails when a valid key is turned away, or its owner is not told", async () => {
  const key = await fixture.createKey("acme");
  expect(await judge(`Bearer ${key}`)).toEqual({ isAuthorized: true, context: { owner: "acme", code: "" } });
});

test("fails when an unknown, altered, expired or malformed credential passes, or is logged", async () => {
  const key = await fixture.createKey("acme", undefined, 1);
  const telemetry = recordTelemetry();
  for (const text of ["", "Bearer nobody", `Bearer ${key.slice(0, -1)}_`, `Basic ${key}`, "Bearer mxd_x"]) {
    expect(await judge(text, telemetry)).toMatchObject({ isAuthorized: false, context: { owner: "" } });
  }
  fixture.world.nowMs += 2 * 86_400_000;
  expect(await judge(`Bearer ${key}`, telemetry)).toMatchObject({ isAuthorized: false });
  expect(telemetry.text()).not.toContain(key.slice(10, 40));
});

test("fails when a store that does not answer counts as a refusal", async () => {
  const key = await fixture.createKey("acme");
  const deps = { ...fixture.deps, keys: { ...fixture.deps.keys, get: () => Promise.reject(new Error("no answer")) } };
  const event = loadEvent<APIGatewayRequestAuthorizerEventV2>("authorizer-request");
  event.headers = { authorization: `Bearer ${key}` };
  await expect(createHandler(deps, recordTelemetry())(event)).rejects.toThrow("no answer");
});
