import type { Apigatewayv2Api } from "@cdktn/provider-aws/lib/apigatewayv2-api/index.js";
import { TerraformOutput } from "cdktn";
import type { Construct } from "constructs";
import type { Environment } from "../config/environments.ts";
import type { FunctionName } from "../config/function-names.ts";
import { permissionsOf } from "../config/permissions.ts";
import { EnvironmentStack } from "./constructs/environment-stack.ts";
import { buildGrants } from "./constructs/grants.ts";
import { createHttpApi } from "./constructs/http-api.ts";
import { buildPlatformEnvironment } from "./constructs/platform-environment.ts";
import { PlatformFunction } from "./constructs/platform-function.ts";
import { createPresignRole, createPresignUser } from "./constructs/presign-access.ts";
import { createStreamUrl } from "./constructs/stream-url.ts";
import type { JobsStack } from "./jobs.ts";
import type { StorageStack } from "./storage.ts";

/** Within the gateway's 30 s, so that the function tells why it gave up. */
const apiTimeoutSeconds = 29;
const authorizerTimeoutSeconds = 25;
/** A stream ends by itself after 14 minutes. */
const streamTimeoutSeconds = 900;

export interface ApiStackProps {
  readonly environment: Environment;
  readonly storage: StorageStack;
  readonly jobs: JobsStack;
  /** Folder of the functions' bundles. */
  readonly bundles: string;
}

/** The door: the HTTP API, what streams, and who may sign URLs. */
export class ApiStack extends EnvironmentStack {
  readonly http: Apigatewayv2Api;
  readonly functions: readonly PlatformFunction[];

  constructor(scope: Construct, props: ApiStackProps) {
    super(scope, "api", props.environment);
    const { environment, storage, jobs, bundles } = props;
    const { corsOrigins, jwksUrl, jwtIssuer, jwtAudience } = environment;
    const doorEnvironment = {
      ...buildPlatformEnvironment(this, storage, jobs),
      MIXDOWN_CORS_ORIGINS: corsOrigins.join(","),
      ...(jwksUrl === ""
        ? {}
        : { MIXDOWN_JWT_JWKS_URL: jwksUrl, MIXDOWN_JWT_ISSUER: jwtIssuer, MIXDOWN_JWT_AUDIENCE: jwtAudience }),
    };
    const create = (name: FunctionName, description: string, timeout: number, more: Record<string, string> = {}) =>
      new PlatformFunction(this, {
        name,
        bundles,
        description,
        timeout,
        environment: { ...doorEnvironment, ...more },
        statements: buildGrants(permissionsOf(name), jobs.bindings, storage.key),
        key: storage.key,
      });
    const stream = create("stream", "What streams: events of jobs, speech", streamTimeoutSeconds);
    const streamUrl = createStreamUrl(this, stream);
    const api = create("api", "The HTTP API", apiTimeoutSeconds, {
      MIXDOWN_STREAM_URL: streamUrl.functionUrl,
      ...jobs.schedules.environment,
    });
    const authorizer = create("authorizer", "Turns away who has no credential", authorizerTimeoutSeconds);
    this.http = createHttpApi(this, api, authorizer);
    this.functions = [api, authorizer, stream];
    const presignRole = createPresignRole(this, storage);
    new TerraformOutput(this, "api_url", { value: this.http.apiEndpoint, staticId: true });
    new TerraformOutput(this, "stream_url", { value: streamUrl.functionUrl, staticId: true });
    new TerraformOutput(this, "presign_role_name", { value: presignRole.name, staticId: true });
    if (environment.presignUser) {
      const user = createPresignUser(this, storage);
      new TerraformOutput(this, "presign_user_name", { value: user.name, staticId: true });
    }
  }
}
