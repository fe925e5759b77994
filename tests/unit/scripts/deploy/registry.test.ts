import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { openRegistry } from "../../../../scripts/deploy/registry.ts";

/** ECR's tokens and a registry behind one address. */
async function serve(answer: (path: string, response: ServerResponse) => void) {
  let url = "";
  const seen: string[] = [];
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      const authorizationToken = Buffer.from("AWS:secret:with:colons").toString("base64");
      const data = { authorizationData: [{ authorizationToken, proxyEndpoint: url }] };
      response.writeHead(200, { "content-type": "application/x-amz-json-1.1" }).end(JSON.stringify(data));
      return;
    }
    seen.push(String(request.headers.authorization));
    answer(String(request.url), response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const before = { ...process.env };
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_ECR: url,
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
  });
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  onTestFinished(() => {
    close();
    for (const name of ["AWS_ENDPOINT_URL_ECR", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  });
  return { registry: await openRegistry("us-east-1"), seen, close };
}

test("fails when a tag's digest is not the registry's word, or an absent one is anything but null", async () => {
  const digest = `sha256:${"b".repeat(64)}`;
  const { registry, seen } = await serve((path, response) => {
    const isThere = path === "/v2/mixdown-dev-worker/manifests/deployed-1";
    response.writeHead(isThere ? 200 : 404, isThere ? { "docker-content-digest": digest } : {}).end();
  });
  expect(registry).toMatchObject({ user: "AWS", password: "secret:with:colons" });
  expect(await registry.find("mixdown-dev-worker", "deployed-1")).toBe(digest);
  expect(await registry.find("mixdown-dev-worker", "deployed-2")).toBe(null);
  expect(seen[0]).toBe(`Basic ${Buffer.from("AWS:secret:with:colons").toString("base64")}`);
});

test("fails when a registry that refuses, stumbles or is gone passes for one without the image", async () => {
  let status = 403;
  const { registry, close } = await serve((_path, response) => response.writeHead(status).end());
  await expect(registry.find("a", "b")).rejects.toMatchObject({ code: "auth_forbidden" });
  status = 500;
  await expect(registry.find("a", "b")).rejects.toMatchObject({ code: "platform_unreachable" });
  close();
  await expect(registry.find("a", "b")).rejects.toMatchObject({ code: "platform_unreachable" });
});
