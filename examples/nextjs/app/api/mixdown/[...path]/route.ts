import { createRouteHandler } from "@mixdown/client/next";
import { readUser } from "../../../session";

export const dynamic = "force-dynamic";

// The key stays here. The browser speaks to this route only, and to the presigned URLs that it hands out.
export const { GET, POST, DELETE } = createRouteHandler({
  baseUrl: process.env.MIXDOWN_URL ?? "http://localhost:4747",
  key: process.env.MIXDOWN_KEY,
  authorize: readUser,
});
