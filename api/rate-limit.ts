import { createMiddleware } from "hono/factory";
import { MixdownError } from "../core/errors.ts";
import type { StreamDeps } from "./deps.ts";
import type { ApiEnv } from "./env.ts";
import { problemResponse } from "./problem.ts";

/** One bucket an owner. */
export const limitRate = ({ limiter, settings }: StreamDeps) =>
  createMiddleware<ApiEnv>(async (context, next) => {
    const bucket = settings.rateLimit;
    const waitSeconds = bucket === null ? 0 : await limiter.take(`owner/${context.var.caller.owner}`, bucket);
    if (waitSeconds > 0) {
      const error = new MixdownError("limit_rate", {
        message: `More than ${bucket?.perSecond} requests a second (burst ${bucket?.burst}); come back in ${Math.ceil(waitSeconds)} s.`,
      });
      return problemResponse(error, { retryAfterSeconds: waitSeconds });
    }
    await next();
    return undefined;
  });
