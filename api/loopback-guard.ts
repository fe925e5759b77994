import { createMiddleware } from "hono/factory";
import { MixdownError } from "../core/errors.ts";

const localNames = new Set(["localhost", "127.0.0.1", "[::1]"]);

/**
 * Without credentials, any page that a browser on this machine shows could call us. A foreign `Host` is DNS
 * rebinding; a cross-site `Origin` or `Sec-Fetch-Site` is a page of somebody else; a body that is not JSON is a form,
 * which browsers send without asking.
 */
export const guardLoopback = (corsOrigins: readonly string[]) =>
  createMiddleware(async ({ req }, next) => {
    const host = req.header("host") ?? new URL(req.url).host;
    if (!localNames.has(host.replace(/:\d+$/, "")))
      throw refusal(`Host is ${JSON.stringify(host.slice(0, 80))}, not localhost`);
    const origin = req.header("origin");
    if (origin !== undefined && !isLocalOrigin(origin) && !corsOrigins.includes(origin))
      throw refusal(`Origin is ${JSON.stringify(origin.slice(0, 80))}`);
    // To a browser, localhost and 127.0.0.1 are two sites: where it names the page, the page decides.
    if (origin === undefined && req.header("sec-fetch-site") === "cross-site")
      throw refusal("the browser says that another site asks");
    const hasBody = !["GET", "HEAD", "OPTIONS", "PUT", "DELETE"].includes(req.method);
    const type = req.header("content-type")?.split(";")[0]?.trim().toLowerCase();
    if (hasBody && type !== undefined && type !== "application/json") {
      throw new MixdownError("usage_content_type", {
        message: `Content-Type is ${JSON.stringify(type.slice(0, 80))}; only application/json is accepted.`,
      });
    }
    await next();
  });

function isLocalOrigin(origin: string): boolean {
  try {
    return localNames.has(new URL(origin).hostname);
  } catch {
    return false;
  }
}

const refusal = (why: string): MixdownError =>
  new MixdownError("usage_cross_site", {
    message: `Refused: ${why}; without a key only this machine's own pages may call.`,
  });
