import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type HttpServer, startHttpServer } from "../../../cli/http-server.ts";

let server: HttpServer;
beforeEach(async () => {
  const api = async () => new Response("answered");
  server = await startHttpServer({ host: "127.0.0.1", port: 0, api, transfers: api });
});
afterEach(() => server.close());

/** What the server answers to these very bytes, as status and body. */
async function send(bytes: string): Promise<{ status: string; type: string; body: string }> {
  const socket = connect(server.port, "127.0.0.1");
  socket.write(bytes);
  const [head = "", body = ""] = (await text(socket)).split("\r\n\r\n");
  return { status: head.split("\r\n")[0] ?? "", type: /content-type: (\S+)/i.exec(head)?.[1] ?? "", body };
}

test.each([
  ["headers without end", `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${"x".repeat(20_000)}\r\n\r\n`, "bytes; shorten"],
  ["a path without end", `GET /${"x".repeat(20_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, "bytes; shorten"],
  ["no HTTP at all", "hello\r\n\r\n", "cannot be read"],
])("fails when %s are answered by anything but a problem document", async (_what, bytes, said) => {
  const { status, type, body } = await send(bytes);
  expect([status, type]).toEqual(["HTTP/1.1 400 Bad Request", "application/problem+json"]);
  expect(JSON.parse(body)).toMatchObject({ code: "usage_invalid", status: 400, detail: expect.stringContaining(said) });
  expect((await fetch(`http://127.0.0.1:${server.port}/`)).status).toBe(200);
});

test("fails when a caller that hangs up in the middle ends the server", async () => {
  const socket = connect(server.port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nhalf");
  socket.resetAndDestroy();
  expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("answered");
});
