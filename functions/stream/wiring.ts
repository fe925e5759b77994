import { createDynamoApiKeyStore } from "../../adapters/aws/api-key-store.ts";
import { createDynamoJobStore } from "../../adapters/aws/jobs/job-store.ts";
import { createDynamoRateLimiter } from "../../adapters/aws/rate-limiter.ts";
import { systemClock } from "../../adapters/embedded/clock.ts";
import { readAwsConfig } from "../../config/aws.ts";
import { readDoorConfig } from "../../config/functions.ts";
import { createTelemetry } from "../telemetry.ts";
import { openOwnTable, readSettings } from "../wiring.ts";
import { createHandler } from "./handler.ts";

const config = readAwsConfig();
const table = openOwnTable(config);
const deps = {
  platform: {
    jobs: createDynamoJobStore(table, systemClock),
    clock: systemClock,
    settings: readSettings(config),
  },
  keys: createDynamoApiKeyStore(table),
  limiter: createDynamoRateLimiter(table, systemClock),
  // A look is one read of the table: a second is what a progress bar wants.
  settings: { ...readDoorConfig(), patienceMs: 0, watchMs: 1_000 },
};

// The runtime knows a streaming handler by itself: it takes no other wrapper.
export const handler = createHandler(deps, createTelemetry("stream").telemetry);
