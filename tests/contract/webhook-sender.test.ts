import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createWebhookSender, isPublicAddress } from "../../adapters/http/webhook-sender.ts";

let server: Server;
let received: string[] = [];
let answer = { status: 200, headers: {} as Record<string, string>, delayMs: 0 };
let url: string;

beforeEach(async () => {
  received = [];
  answer = { status: 200, headers: {}, delayMs: 0 };
  server = createServer((request, response) => {
    received.push(`${request.method} ${request.url}`);
    setTimeout(() => response.writeHead(answer.status, answer.headers).end("thanks"), answer.delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const post = { headers: { "content-type": "application/json" }, body: "{}" };

test.each([
  "127.0.0.1",
  "127.1.2.3",
  "0.0.0.0",
  "10.0.0.1",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "224.0.0.1",
  "255.255.255.255",
  "192.0.2.1",
  "198.18.0.1",
  "::1",
  "::",
  "fe80::1",
  "fd00:ec2::254",
  "::ffff:127.0.0.1",
  "::ffff:169.254.169.254",
  "::ffff:a9fe:a9fe",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
  "ff02::1",
  "2001:db8::1",
  "not an address",
])("fails when %s counts as public", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

test.each(["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:1.1.1.1"])(
  "fails when %s does not count as public",
  (address) => {
    expect(isPublicAddress(address)).toBe(true);
  },
);

test("fails when any way of writing this machine's address is called", async () => {
  const { port } = new URL(url);
  const hosts = [
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0.0.0.0",
    "localhost.",
  ];
  for (const host of hosts) {
    const target = URL.parse(`http://${host}:${port}/hook`);
    if (target === null) continue;
    await expect(createWebhookSender().send({ url: target.href, ...post }), host).rejects.toThrow();
  }
  expect(received).toEqual([]);
});

test("fails when a redirect is followed", async () => {
  answer = { status: 302, headers: { location: url.replace("/hook", "/elsewhere") }, delayMs: 0 };
  const sent = await createWebhookSender({ allowPrivate: true }).send({ url, ...post });
  expect(sent.status).toBe(302);
  expect(received).toEqual(["POST /hook"]);
});

test("fails when a receiver that does not answer holds the sender up", async () => {
  answer = { status: 200, headers: {}, delayMs: 5_000 };
  const sender = createWebhookSender({ allowPrivate: true, timeoutMs: 100 });
  await expect(sender.send({ url, ...post })).rejects.toThrow("no answer within 100 ms");
});
