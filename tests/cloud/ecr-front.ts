import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { OciRegistry } from "./oci-registry.ts";

export interface EcrFront {
  readonly url: string;
  close(): Promise<void>;
}

/** ECR's door before the emulator's: its tokens lead to a registry that really takes images. */
export async function openEcrFront(behind: string, registry: OciRegistry): Promise<EcrFront> {
  const token = Buffer.from(`AWS:${registry.password}`).toString("base64");
  const authorizationData = [
    { authorizationToken: token, proxyEndpoint: registry.url, expiresAt: Math.round(Date.now() / 1_000) + 43_200 },
  ];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    const type = { "content-type": "application/x-amz-json-1.1" };
    if (String(request.headers["x-amz-target"]).endsWith(".GetAuthorizationToken")) {
      response.writeHead(200, type).end(JSON.stringify({ authorizationData }));
      return;
    }
    const kept = ["x-amz-target", "content-type", "authorization", "x-amz-date"];
    const headers = Object.fromEntries(kept.map((name) => [name, String(request.headers[name] ?? "")]));
    const answer = await fetch(behind, { method: "POST", headers, body });
    response.writeHead(answer.status, type).end(await answer.text());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}
