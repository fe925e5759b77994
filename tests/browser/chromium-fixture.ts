import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium } from "playwright-core";

/** Debian's package; a browser of another origin is not asked for. */
const executablePath = "/usr/bin/chromium";

/** A real Chromium with a profile of its own, which goes with it. It calls nobody by itself. */
export function launchChromium(): Promise<Browser> {
  if (!existsSync(executablePath)) throw new Error(`There is no ${executablePath}; apt-get install chromium.`);
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Serves one page with one script on a port of its own: to the API, an origin that is not its own. */
export async function servePage(script: string): Promise<{ origin: string; close(): Promise<void> }> {
  const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>test</title><script type="module" src="/page.js"></script>`;
  const server: Server = createServer((request, response) => {
    const isScript = request.url === "/page.js";
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
    response.end(isScript ? script : page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
