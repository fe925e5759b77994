import type { APIGatewayRequestAuthorizerEventV2, APIGatewaySimpleAuthorizerWithContextResult } from "aws-lambda";
import { createIdentifier } from "../../api/authenticate.ts";
import type { IdentityDeps } from "../../api/deps.ts";
import { MixdownError } from "../../core/errors.ts";
import type { Telemetry } from "../telemetry.ts";

interface Decision {
  /** For the access log. */
  readonly owner: string;
  readonly code: string;
}

/**
 * The gateway's authorizer (payload 2.0, simple responses): turns away what has no valid credential before the API's
 * function is started. The API judges each request itself too, so that a revoked key ends at once whatever the
 * gateway remembers.
 */
export function createHandler(deps: IdentityDeps, telemetry: Telemetry) {
  const identify = createIdentifier(deps);
  return async (
    event: Pick<APIGatewayRequestAuthorizerEventV2, "headers" | "identitySource">,
  ): Promise<APIGatewaySimpleAuthorizerWithContextResult<Decision>> => {
    try {
      const { owner } = await identify(event.headers?.authorization ?? event.identitySource?.[0]);
      return { isAuthorized: true, context: { owner, code: "" } };
    } catch (thrown) {
      const { code } = MixdownError.from(thrown);
      // A store that does not answer is no refusal: the caller is told to come back, and nothing is remembered.
      if (!code.startsWith("auth_")) throw thrown;
      telemetry.info("a credential was refused", { code });
      return { isAuthorized: false, context: { owner: "", code } };
    }
  };
}
