import { randomBytes } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { verifyWebhook, WebhookVerificationError } from "../../../client/webhooks.ts";

const newSecret = () => `whsec_${randomBytes(24).toString("base64")}`;
const secret = newSecret();
const body = JSON.stringify({ type: "job.succeeded.v1", timestamp: "2026-01-01T00:00:00.000Z", data: { name: "Zoë" } });

function sign(by = secret, at = new Date(), content = body) {
  return {
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(by).sign("msg_1", at, content),
  };
}

test("fails when what the reference library signs is refused, in any shape of body, headers and secret", async () => {
  const headers = sign();
  const wanted = JSON.parse(body);
  expect(await verifyWebhook(body, headers, secret)).toEqual(wanted);
  expect(await verifyWebhook(new TextEncoder().encode(body), new Headers(headers), secret)).toEqual(wanted);
  const spelled = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
  expect(await verifyWebhook(body, spelled, [newSecret(), secret])).toEqual(wanted);
  expect(await verifyWebhook(body, headers, secret.replace("whsec_", ""))).toEqual(wanted);
  const two = {
    ...headers,
    "webhook-signature": `v1a,xx ${sign(newSecret())["webhook-signature"]} ${headers["webhook-signature"]}`,
  };
  expect(await verifyWebhook(body, two, secret)).toEqual(wanted);
});

const minutes = (count: number) => new Date(Date.now() + count * 60_000);
test.each([
  ["another body", body.replace("Zoë", "Eve"), sign(), secret],
  ["another secret", body, sign(newSecret()), secret],
  ["another id", body, { ...sign(), "webhook-id": "msg_2" }, secret],
  ["another time", body, { ...sign(), "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 5) }, secret],
  ["an old message", body, sign(secret, minutes(-6)), secret],
  ["a message from the future", body, sign(secret, minutes(6)), secret],
  ["a time that is none", body, { ...sign(), "webhook-timestamp": "NaN" }, secret],
  ["a missing header", body, { ...sign(), "webhook-signature": undefined }, secret],
  ["a signature that is no base64", body, { ...sign(), "webhook-signature": "v1,%%%" }, secret],
  ["an empty signature", body, { ...sign(), "webhook-signature": "v1," }, secret],
  ["an empty secret", body, sign(), "whsec_"],
  ["no secret", body, sign(), []],
])("fails when %s is accepted", async (_what, content, headers, by) => {
  await expect(verifyWebhook(content, headers, by)).rejects.toThrow(WebhookVerificationError);
});
