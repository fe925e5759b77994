import type { OpenAPIHono } from "@hono/zod-openapi";
import { mixdownVersion } from "../../core/version.ts";
import type { ApiDeps } from "../deps.ts";
import type { ApiEnv } from "../env.ts";
import { docsPage, docsScript } from "./docs-page.ts";

/** `/openapi.json` and the reference page, which loads nothing from anywhere else. Neither asks for a credential. */
export function addDocs(app: OpenAPIHono<ApiEnv>, { settings }: ApiDeps): void {
  app.openAPIRegistry.registerComponent("securitySchemes", "key", {
    type: "http",
    scheme: "bearer",
    description: "A key `mxd_<id>_<secret>`, or a token of the configured identity provider. Not needed on loopback.",
  });
  app.doc31("/openapi.json", {
    openapi: "3.1.0",
    info: {
      title: "Mixdown",
      version: mixdownVersion,
      description: "Audio and video processing by jobs: upload, submit, watch, download.",
      license: { name: "Apache-2.0" },
    },
    // On loopback a key may be sent, and none is asked for.
    security: settings.access === "loopback" ? [{}, { key: [] }] : [{ key: [] }],
  });
  app.get("/docs", (context) => {
    context.header(
      "content-security-policy",
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'",
    );
    return context.html(docsPage);
  });
  app.get("/docs/reference.js", (context) => context.body(docsScript, 200, { "content-type": "text/javascript" }));
}
