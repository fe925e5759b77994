import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterEach, expect, test } from "vitest";
import { findDigest } from "../../../scripts/find-digest.ts";

const index = JSON.stringify({ schemaVersion: 2, manifests: [] });
const digest = `sha256:${createHash("sha256").update(index).digest("hex")}`;
const indexType = "application/vnd.oci.image.index.v1+json";
let server: Server | undefined;
afterEach(() => server?.close());

/** A registry that wants a token, as Docker Hub does. */
async function openRegistry(answer: {
  type?: string;
  said?: string;
  status?: number;
  token?: string;
}): Promise<string> {
  server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://registry");
    if (pathname === "/token") {
      const asked = `${searchParams.get("service")} ${searchParams.get("scope")}`;
      return response.end(JSON.stringify({ token: answer.token ?? `for ${asked}` }));
    }
    if (request.headers.authorization !== "Bearer for hub repository:library/debian:pull") {
      const realm = `http://127.0.0.1:${port}/token`;
      const challenge = `Bearer realm="${realm}",service="hub",scope="repository:library/debian:pull"`;
      return response.writeHead(401, { "www-authenticate": challenge }).end();
    }
    if (pathname !== "/v2/library/debian/manifests/bookworm-slim") return response.writeHead(404).end();
    const headers = { "content-type": answer.type ?? indexType, "docker-content-digest": answer.said ?? digest };
    response.writeHead(answer.status ?? 200, headers).end(index);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as { port: number };
  return `http://127.0.0.1:${port}`;
}
const find = async (answer: Parameters<typeof openRegistry>[0], tag = "bookworm-slim") =>
  findDigest({ registry: await openRegistry(answer), repository: "library/debian", tag });

test("fails when the digest is not that of the bytes that the registry sent, after it has asked for a token", async () => {
  expect(await find({})).toBe(digest);
});

test.each([
  ["a registry that says another digest", { said: `sha256:${"0".repeat(64)}` }, "what came"],
  ["one architecture's manifest", { type: "application/vnd.oci.image.manifest.v1+json" }, "not an index"],
  ["an answer that is none", { status: 500 }, "answers 500"],
  ["a token that is refused", { token: "no" }, "answers 401"],
])("fails when %s is pinned", async (_what, answer, named) => {
  await expect(find(answer)).rejects.toThrow(named);
});

test("fails when a tag that is not there is pinned", async () => {
  await expect(find({}, "nothing")).rejects.toThrow("answers 404");
});
