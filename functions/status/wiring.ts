import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { createSsmSecretReader } from "../../adapters/aws/secret-reader.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { createPostgrestStatusTable } from "../../adapters/http/status-table.ts";
import { readAwsConfig, readSecretConfig } from "../../config/aws.ts";
import { instrument } from "../telemetry.ts";
import { openOwnTable } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const config = readAwsConfig();
const secrets = createSsmSecretReader(readSecretConfig().prefix, systemClock);

const deps = {
  jobs: createDynamoJobStore(openOwnTable(config), systemClock),
  openTable: async () => {
    const url = await secrets.get("supabase_url");
    const serviceKey = await secrets.get("supabase_service_key");
    if (url === undefined || serviceKey === undefined) return null;
    return createPostgrestStatusTable({ url, serviceKey, defaultOwner: config.defaultOwner });
  },
};

export const handler = instrument("status", (telemetry) => createHandler(deps, telemetry));
